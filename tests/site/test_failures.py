"""A mistake on a page fails the build, and the build says where the mistake is, in a sentence."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import FRONT, make_project, mkdocs_build, once

CELL = "```python\n{}\n```\n"
FAILING = """
# Fails

```python
x = 0
```

```python
print("as before")
```

```python
def divide(numerator, denominator):
    return numerator / denominator

x = 0
divide(1, x)
```

```python
print("never")
```
"""
LONG = "\n".join(
    ["import asyncio", *["asyncio.sleep"] * 30, "raise asyncio.QueueFull('hint: less\\n' * 9)"]
)
# Of each page that fails, its code, how its first line goes on, and what its last line says.
FAILURES = {
    "assertion": ("assert 6 * 9 == 42", "failed:", "AssertionError"),
    "library": ("import json\njson.loads('[')", "failed:", "JSONDecodeError: Expecting value"),
    "long": (LONG, "failed:", "hint: less"),
    "syntax": ("1 +", "failed:", "SyntaxError: invalid syntax (line 1)"),
    "indent": ("if 1:\n        x = 1\n    y = 1", "failed:", "IndentationError: unindent does not"),
    "leaves": ("import sys\nsys.exit(3)", "failed:", "SystemExit: 3"),
    "input": ("input()", "failed:", "StdinNotImplementedError: "),
    "dies": ("import os\nos._exit(1)", "ended its kernel: it left Python, was killed", "_exit"),
    "shape": ("import torch\nx = torch.zeros(2, 3)  # (2, 4)", "failed:", "AssertionError"),
    "magic": ("x = 1\n%timeit x", "holds what only IPython understands", "%timeit x"),
    "shell": ("!touch shell.marker", "holds what only IPython understands", "!touch"),
    "bash": ("%%bash\ntouch bash.marker", "holds what only IPython understands", "touch"),
}


def page(code: str, front: str = FRONT) -> str:
    return f"{front}# Page\n\n{CELL.format(code)}"


def build(root: Path, pages: dict[str, str], **variables: str) -> list[str]:
    """Build pages that hold a mistake, and return what the build said besides its progress."""
    make_project(root, pages)
    return fail(root, **variables)


def fail(root: Path, **variables: str) -> list[str]:
    """Build what fails, and return what is said besides progress."""
    failed = mkdocs_build(root, **variables)
    assert failed.returncode != 0, failed.stdout
    assert "Traceback" not in failed.stdout
    return [line for line in failed.stdout.splitlines() if line and not line.startswith("INFO")]


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A project of pages that fail and one that does not, and what building it said."""

    def make(root: Path) -> str:
        pages = {f"{name}.md": page(code) for name, (code, _, _) in FAILURES.items()}
        pages |= {
            "index.md": page("print('good')"),
            "fails.md": FRONT + FAILING,
            "kernel.md": page("1", FRONT.replace("name: python3", "name: julia-1.9")),
            "mark.md": "\ufeff" + page("raise RuntimeError('after a mark')"),
            "windows.md": page("raise RuntimeError('line ends')").replace("\n", "\r\n"),
        }
        return "\n".join(build(root, pages))

    root, log = once(tmp_path_factory, "failed", make)
    return root, log.splitlines()


@pytest.fixture
def said(failed: tuple[Path, list[str]]) -> dict[str, list[str]]:
    """What the build said of each page, by its name."""
    about: dict[str, list[str]] = {}
    for line in failed[1]:
        if start := re.match(r"(?:ERROR +-  )?(\w+)\.md \(\d+ of \d+\): ", line):
            lines = about[start[1]] = []
        lines.append(line)
    lines.pop()  # Aborted with a BuildError!
    return about


def test_all_pages_that_fail_are_named_at_once(said: dict[str, list[str]]) -> None:
    assert set(said) == {*FAILURES, "fails", "kernel", "mark", "windows"}


def test_failing_cell_is_shown_with_its_exception(
    said: dict[str, list[str]], failed: tuple[Path, list[str]]
) -> None:
    lines = said["fails"]
    assert len(lines) <= 15
    text = "\n".join(lines)
    assert "cell 3 failed:" in lines[0]
    assert "    return numerator / denominator" in lines
    assert "divide(1, x)" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert not [line for line in lines if "as before" in line or "never" in line]
    for folder in (failed[0], Path(os.__file__).parent, "site-packages", "ipykernel"):
        assert str(folder) not in text


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_short_and_say_what_failed(said: dict[str, list[str]], name: str) -> None:
    code, problem, last = FAILURES[name]
    lines = said[name]
    assert len(lines) <= 15
    assert f": code cell 1 {problem}" in lines[0]
    assert lines[1] == code.splitlines()[0]
    assert last in lines[-1]


def test_nothing_but_python_was_run(failed: tuple[Path, list[str]]) -> None:
    assert not list(failed[0].rglob("*.marker"))


def test_kernel_that_is_not_there_is_named(said: dict[str, list[str]]) -> None:
    [line] = said["kernel"]
    assert "asks for the kernel 'julia-1.9', which is not here. The pages run with python3" in line


def test_pages_of_other_editors_are_run(said: dict[str, list[str]]) -> None:
    """Those that begin with a byte-order mark, and those with the line ends of Windows."""
    assert said["mark"][-1] == "RuntimeError: after a mark"
    assert said["windows"][-1] == "RuntimeError: line ends"


def test_pages_before_a_failure_are_kept(failed: tuple[Path, list[str]], tmp_path: Path) -> None:
    """What was executed is not executed again; the folder for temporary files may lie deep."""
    shutil.copytree(failed[0], tmp_path, dirs_exist_ok=True)
    assert len(list((tmp_path / ".cache").rglob("*.json"))) == 1
    config = json.loads((tmp_path / "mkdocs.yml").read_text(encoding="utf-8"))
    config["nav"] = ["index.md", "fails.md"]
    (tmp_path / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
    for path in (tmp_path / "docs").glob("*.md"):
        if path.name not in config["nav"]:
            path.unlink()
    (tmp_path / "docs/fails.md").write_text(FRONT + "# Mended\n\n" + CELL.format("2"))
    (deep := tmp_path / ("deep" * 30)).mkdir()
    again = mkdocs_build(tmp_path, TMPDIR=str(deep))
    assert again.returncode == 0, again.stdout
    assert re.findall(r"Running (\S+)", again.stdout) == ["fails.md"]


SHOW = "from IPython.display import Audio, HTML, Javascript, Math, display"
# Outputs that a page cannot show, by the code of a cell, and what is said of each.
OUTPUTS = {
    "class F:\n    def _repr_svg_(self):\n        return '<svg/>'\n\nF()": "without alt text",
    "import matplotlib.pyplot as plt\nplt.plot([1])": "by cnn_tutorial.support.drawing.Described(",
    "import warnings\nwarnings.warn('old')": "wrote to stderr, which no reader sees: ",
    "from tqdm import tqdm\nfor _ in tqdm([1]): pass": "silent with disable=None",
    "HTML('<script>1</script>')": "HTML with <script>, which the policy of the published site",
    "HTML('<style>p {}</style>')": "HTML with <style>, which the policy of the published site",
    "HTML('<p style=\"top: 0\">')": 'HTML with <p style="…">, which the policy',
    "HTML('<p onclick=\"f()\">')": 'HTML with <p onclick="…">, which the policy',
    'HTML(\'<img alt="c" src="//a.b/c.png">\')': "HTML that loads //a.b/c.png, which the policy",
    "HTML('<img src=\"c.png\">')": "HTML with an image without alt text",
    "Audio([0.0, 1.0], rate=8000)": "HTML with <audio>, which the policy",
    "Javascript('1')": "shows application/javascript, which needs more than a page: print what it",
    "display({'application/vnd.jupyter.widget-view+json': {}}, raw=True)": "view+json, which",
    "display({'a/b': ''}, raw=True)": "shows a/b, which needs more than a page",
}
# Python that looks as if it had been run, and how the first line of each block begins.
FENCES = [
    ("- item\n\n    ```python\n    1 / 0\n    ```", "    1 / 0"),
    ("!!! note\n    ```python\n    2 / 0\n    ```", "    2 / 0"),
    ("> ```python\n> 3 / 0\n> ```", "> 3 / 0"),
    ('=== "A"\n\n    ``` py\n    4 / 0\n    ```', "    4 / 0"),
    ("```python3\n5 / 0\n```", "5 / 0"),
    ("~~~ IPython\n6 / 0\n~~~", "6 / 0"),
    ("``` { .python }\n7 / 0\n```", "7 / 0"),
]
# Pages without a kernel, and what is said of each.
TEXTS = {
    "formula": ("$\\frac{1$", "frac{1': Error: Expected closing token"),
    "colour": ("$\\color{red} x$", "the policy of the site stops color:#FF0000"),
    "link": ("[gone](gone.md)", "gone.md"),
    "anchor": ("[gone](index.md#gone)", "#gone"),
    "reference": ("[gone][cnn_tutorial.gone]", "cnn_tutorial.gone"),
    "bare": (
        "```python\n1 / 0\n```",
        "bare.md, line 4: this Python is not run: the front matter of",
    ),
    "tildes": ("~~~Python\n1 / 0\n~~~", "tildes.md, line 4: this Python is not run: the front"),
}
LONG_LINES = ["print('0123456789' * 300_000)", "print('<&\\x1b[31m' * 300_000)"]


@pytest.fixture(scope="session")
def warned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A project of pages that are not as they should be, and what building it said."""

    def make(root: Path) -> str:
        cells = "\n".join(map(CELL.format, [SHOW, *OUTPUTS]))
        fences = "\n\n".join(text for text, _ in FENCES)
        pages = {name: f"# Page\n\n{text}\n" for name, (text, _) in TEXTS.items()} | {
            "index": "# Home\n",
            "outputs": f"{FRONT}# Outputs\n\n{cells}",
            "fences": f"{FRONT}# Fences\n\n{fences}\n",
            "asks": f"{FRONT}# Asks\n\n```python tags=[\"question\"]\nprint('Which?')\n```\n",
            "long": f"{FRONT}# Long\n\n" + "\n".join(map(CELL.format, LONG_LINES)),
        }
        return "\n".join(build(root, {f"{name}.md": text for name, text in pages.items()}))

    root, log = once(tmp_path_factory, "warned", make)
    return root, log.splitlines()


def about(warned: tuple[Path, list[str]], start: str) -> str:
    """Return the one warning that speaks of a place."""
    [line] = [line for line in warned[1] if re.search(rf"WARNING.* {start}\b", line)]
    return line


@pytest.mark.parametrize(("number", "code"), list(enumerate(OUTPUTS, 2)))
def test_output_that_no_page_can_show_is_a_warning(
    warned: tuple[Path, list[str]], number: int, code: str
) -> None:
    assert OUTPUTS[code] in about(warned, f"outputs.md, code cell {number}")


@pytest.mark.parametrize("first", [first for _, first in FENCES])
def test_python_that_is_not_run_is_a_warning(warned: tuple[Path, list[str]], first: str) -> None:
    lines = (warned[0] / "docs/fences.md").read_text(encoding="utf-8").splitlines()
    said = about(warned, f"fences.md, line {lines.index(first) + 1}")
    assert "this Python is not run: only blocks at the left margin are" in said
    assert said.endswith(f"begins with ```{{ .python .not-run }}: {first.strip('> ')}")


@pytest.mark.parametrize("name", TEXTS)
def test_other_mistakes_are_warnings(warned: tuple[Path, list[str]], name: str) -> None:
    assert TEXTS[name][1] in about(warned, f".*{name}.md")


def test_a_question_that_is_none_is_a_warning(warned: tuple[Path, list[str]]) -> None:
    assert "is tagged as a question: let it end with one" in about(warned, "asks.md, code cell 1")


def test_nothing_else_is_warned_of(warned: tuple[Path, list[str]]) -> None:
    *warnings, end = warned[1]
    number = len(OUTPUTS) + len(FENCES) + len(TEXTS) + 1  # and the question
    assert len([line for line in warnings if line.startswith("WARNING")]) == number
    assert end == f"Aborted with {number} warnings in strict mode!"


def test_lines_may_be_long(warned: tuple[Path, list[str]]) -> None:
    """Three million characters in a line are shown, and the build ends."""
    html = (warned[0] / "site/long/index.html").read_text(encoding="utf-8")
    assert "0123456789" * 300_000 in html
    assert html.count("<span class=ansi-red>&lt;&</span>") == 299_999


def test_corrupt_digits(tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"not an image")
    said = build(tmp_path, {"index.md": page("1")}, CNN_TUTORIAL_DATA=str(tmp_path / "data"))
    assert any(
        "train-images-idx3-ubyte" in line and "cnn-tutorial download" in line for line in said
    )


def test_cache_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("in the way", encoding="utf-8")
    said = build(tmp_path, {"index.md": page("1")})
    assert "The cache of executed pages, .cache" in said[0]
    assert "Make room for it" in said[0]
    assert (tmp_path / ".cache").read_text(encoding="utf-8") == "in the way"


def test_notebook_in_the_navigation(tmp_path: Path) -> None:
    make_project(tmp_path, {"index.md": "# Home\n"})
    (tmp_path / "docs/other.ipynb").write_text("{}", encoding="utf-8")
    config = json.loads((tmp_path / "mkdocs.yml").read_text(encoding="utf-8"))
    config["nav"].append("other.ipynb")
    (tmp_path / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
    said = fail(tmp_path)
    assert "other.ipynb in the navigation is no Markdown" in said[0]
    assert "jupytext --to markdown other.ipynb" in said[0]
