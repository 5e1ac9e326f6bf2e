"""The site, built once a run, and projects of a few pages that are built like it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jupytext
import nbformat
import pytest
from mkdocs.utils.yaml import yaml_load

ROOT = Path(__file__).parents[1]
IS_EXECUTED = "kernelspec:"  # in the front matter of a page that is executed
FRONT = """---
jupyter:
  kernelspec:
    display_name: Python 3
    language: python
    name: python3
---
"""
EXECUTED = sorted(
    path.relative_to(ROOT / "docs").with_suffix("").as_posix()
    for path in (ROOT / "docs").rglob("*.md")
    if IS_EXECUTED in path.read_text(encoding="utf-8").partition("\n---\n")[0]
)


class Site(NamedTuple):
    """A folder with docs/, cnn_tutorial/ and mkdocs.yml, and what building it made and said."""

    root: Path
    html: Path
    log: str

    def page(self, name: str) -> Path:
        """Return the HTML of a page, named by its path in docs/ without .md."""
        return self.html / name.removesuffix("index") / "index.html"

    def cells(self, name: str) -> list[str]:
        """Return the code of each cell of a page."""
        notebook = jupytext.read(self.root / "docs" / f"{name}.md")
        return [cell.source for cell in notebook.cells if cell.cell_type == "code"]

    def outputs(self, name: str) -> list[dict[str, Any]]:
        """Return the outputs of a page in Jupyter's format, as they lie in the cache."""
        for path in (self.root / ".cache").rglob("*.json"):
            content = json.loads(path.read_text(encoding="utf-8"))["content"]
            text = content[content.index("{") : content.rindex("}") + 1]
            notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
            if [cell.source for cell in cells] == self.cells(name):
                return [output for cell in cells for output in cell.outputs]
        raise LookupError(f"{name} is not in the cache")


def with_shapes_asserted(code: str) -> str:
    """Turn each comment that gives the shape of what its line assigns into an assertion.

    `x = pool(x)  # (N, 6, 13, 13)` asserts that there are 4 dimensions, and the size of the last 3.
    """
    lines = code.encode().splitlines()  # columns of the syntax tree count bytes
    for statement in ast.walk(ast.parse(code)):
        match statement:
            case ast.Assign([ast.Name(name)], end_lineno=int(end), end_col_offset=int(column)):
                source, rest = lines[end - 1][:column], lines[end - 1][column:].decode()
                if comment := re.match(r"\s*# \(([^()]+)\)(.*)", rest):
                    value = f"{name}[0]" if isinstance(statement.value, ast.ListComp) else name
                    sizes = [size.strip() for size in comment[1].rstrip(",").split(",")]
                    claims = [f"len(_shape) == {len(sizes)}"] + [
                        f"_shape[{i}] == {size}" for i, size in enumerate(sizes) if size.isdigit()
                    ]
                    check = f"_shape = getattr({value}, 'shape', {value}); assert "
                    check += f"{' and '.join(claims)}  #{comment[2]}"
                    indent = " " * statement.col_offset
                    lines[end - 1] = source + f"\n{indent}{check}".encode()
    return b"\n".join(lines).decode()


def environment(root: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which Python imports the package of `root`."""
    ours = {"PYTHONPATH": str(root), "NO_MKDOCS_2_WARNING": "1"}
    if data := os.environ.get("CNN_TUTORIAL_DATA"):
        ours["CNN_TUTORIAL_DATA"] = str(Path(data).absolute())  # the command runs elsewhere
    return os.environ | ours | variables


def mkdocs_build(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `mkdocs build --strict` in a folder; both of its streams are in `stdout`."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"],
        cwd=root,
        env=environment(root, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def make_project(root: Path, pages: Mapping[str, str]) -> None:
    """Write a project that differs from this one in its pages only.

    Args:
        root: Folder to write into.
        pages: Markdown of each page, by its path in docs/.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("cnn_tutorial", "docs/hooks", "docs/assets"):
        shutil.copytree(ROOT / part, root / part, ignore=ignored)
    config = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    (root / "mkdocs.yml").write_text(json.dumps(config | {"nav": list(pages)}), encoding="utf-8")
    for name, text in pages.items():
        (root / "docs" / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Build the site from a copy of its sources, with nothing in the cache."""
    root = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("cnn_tutorial", "docs"):
        shutil.copytree(ROOT / part, root / part, ignore=ignored)
    shutil.copy(ROOT / "mkdocs.yml", root)
    build = mkdocs_build(root)
    assert build.returncode == 0, build.stdout
    return Site(root, root / "site", build.stdout)


# What follows is for the unit tests that train. They import torch and what lies beside them, which
# the tests of the site do without.


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Have the tests of a module computed by one thread.

    So little is done in each step that several would mostly wait for each other.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a training that was stopped in its second epoch."""
    from checkpoint_files import half_trained

    path = tmp_path_factory.mktemp("good") / "checkpoint.pt"
    half_trained(path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def end(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the training of the good checkpoint comes to."""
    from checkpoint_files import RECIPE
    from small_training import few, make_trainer, outcome

    path = tmp_path_factory.mktemp("end") / "checkpoint.pt"
    make_trainer(RECIPE, few(41)).fit(path)
    return outcome(path)
