"""A site made of a commit, with an address: its notebooks, and that it is the same each time."""

import ast
import gzip
import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import EXECUTED, FRONT, KINDS, ROOT, Site, make_project, mkdocs_build
from test_notebooks import code, load, prose

ALL = (ROOT / "tests/site/kinds.md").read_text(encoding="utf-8").replace("getting-started", "index")
PAGES = {
    # All that a page may hold, but its first lines, which link to pages that are not here.
    "kinds.md": f"{FRONT}\n# All kinds\n\nSome.[^1]\n\n{ALL[ALL.index('!!! note') :]}",
    "index.md": "# Home\n\n[First](breakdown/first.md)",
    "breakdown/first.md": f"""{FRONT}
# One

[Two](second.md), [its end](second.md#the-end), [home](../index.md#home), [here](#below).[^a]

```python
x = 1
```

## Below

Text.[^b]

[^a]: Of [two](second.md).
[^b]: More.
""",
    "breakdown/second.md": f"""{FRONT}
# Two

[One](first.md)[^a]

## The end

[^a]: Another.
""",
}


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Make a site with an address of a commit: the folder of the project, and the commit."""
    root = tmp_path_factory.mktemp("hosted")
    (root / "docs/breakdown").mkdir(parents=True)
    make_project(root, {"index.md": PAGES["index.md"]})
    for name, text in PAGES.items():
        (root / "docs" / name).write_text(text, encoding="utf-8")
    config = json.loads((root / "mkdocs.yml").read_text(encoding="utf-8"))
    config |= {"site_url": "https://example.org/cnn/", "nav": list(PAGES)}
    config |= {"repo_url": "https://github.com/someone/cnn.git"}
    (root / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
    dated = {"GIT_COMMITTER_DATE": "2020-02-03T04:05:06Z", "GIT_CONFIG_GLOBAL": os.devnull}
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "All"]):
        subprocess.run(["git", *arguments], cwd=root, env=os.environ | dated, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
    )
    build = mkdocs_build(root)
    assert build.returncode == 0, build.stdout
    return root, head.stdout.strip()


def test_notebook_installs_the_commit_that_it_was_made_of(hosted: tuple[Path, str]) -> None:
    folder, commit = hosted
    [setup, _] = code(load(folder / "site", "breakdown/first"))
    address = f"https://github.com/someone/cnn/archive/{commit}.zip"
    assert f'    %pip install --quiet "{address}"' in setup.source


def test_links_are_absolute_where_the_address_is_known(hosted: tuple[Path, str]) -> None:
    text = prose(load(hosted[0] / "site", "breakdown/first"))
    two = "https://example.org/cnn/breakdown/second/"
    assert f"[Two]({two}), [its end]({two}#the-end)" in text
    assert "[home](https://example.org/cnn/#home), [here](#below)." in text
    assert f"1. Of [two]({two})." in text


def test_part_reads_as_one_document(hosted: tuple[Path, str]) -> None:
    text = prose(load(hosted[0] / "site", "CNN_Model_Breakdown"))
    headings = re.findall("^#.*", text, re.MULTILINE)
    assert headings == ["# CNN Model Breakdown", "## One", "### Below", "## Two", "### The end"]
    assert "[Two](#second), [its end](#second-the-end)" in text
    assert "[here](#first-below).<sup>[1](#note-1)</sup>" in text
    assert "[One](#first)<sup>[3](#note-3)</sup>" in text
    assert '<a id="second-the-end"></a>\n\n### The end' in text
    assert '<a id="note-3"></a>3. Another.' in text


def test_page_leads_to_colab_and_has_the_date_of_the_commit(hosted: tuple[Path, str]) -> None:
    html = (hosted[0] / "site/breakdown/first/index.html").read_text(encoding="utf-8")
    [line] = BeautifulSoup(html, "html.parser").select(".executed")
    assert "CPU, 2020-02-03." in line.get_text()
    [colab] = [str(a["href"]) for a in line.select("a") if "Colab" in a.get_text()]
    assert colab == (
        "https://colab.research.google.com/github/someone/cnn/blob/gh-pages/"
        "breakdown/first/first.ipynb"
    )
    assert "<lastmod>2020-02-03</lastmod>" in (hosted[0] / "site/sitemap.xml").read_text("utf-8")


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_two_builds_of_a_commit_are_equal(hosted: tuple[Path, str], tmp_path: Path) -> None:
    """Another clone, in another time zone, with other hashes, and with nothing cached."""
    other = tmp_path / "änother clone"
    subprocess.run(["git", "clone", "-q", str(hosted[0]), str(other)], check=True)
    build = mkdocs_build(other, PYTHONHASHSEED="7", TZ="Pacific/Auckland")
    assert build.returncode == 0, build.stdout
    one, two = files_of(hosted[0] / "site"), files_of(other / "site")
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []
    assert f"{KINDS}/{KINDS}.ipynb" in one


def test_no_file_is_of_this_build_alone(site: Site) -> None:
    """No day but the one that was told, no folder of the machine, no address in its memory."""
    kept = {str(site.root).encode(), f"{datetime.now(UTC):%Y-%m-%d}T".encode()}
    for name, content in files_of(site.html).items():
        text = gzip.decompress(content) if name.endswith(".gz") else content
        assert not [part for part in kept if part in text], name
        assert not re.search(rb" at 0x[0-9a-f]{6,}>", text), name


CLOCKS = {"process_time", "perf_counter", "cpu_time_total", "images_per_second"}
UNSHOWN = {"print", "history"}  # its table has the seconds of each epoch
SHOWS = {"print", "Markdown", "HTML", "display", "charts", "plots"}


def names(node: ast.AST) -> set[str]:
    """Return all names that stand in a piece of code."""
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return found | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def shown_times(cells: list[str]) -> list[str]:
    """Return the calls that show what depends on a clock, as far as names tell."""
    timed, found = set(CLOCKS), []
    nodes = [node for node in ast.walk(ast.parse("\n".join(cells))) if hasattr(node, "lineno")]
    for node in sorted(nodes, key=lambda node: node.lineno):
        if isinstance(node, ast.Assign):
            targets = {name for target in node.targets for name in names(target)}
            timed = timed | targets if names(node.value) & timed else timed - targets
        elif isinstance(node, ast.FunctionDef) and names(node) & timed:
            timed.add(node.name)
        elif isinstance(node, ast.Call):
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            if not any(names(value) & timed for value in values) and names(node) != UNSHOWN:
                continue
            if names(node.func) & SHOWS:
                found.append(ast.unparse(node))
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "append":
                timed.add(ast.unparse(node.func).partition(".")[0])
    return found


def test_times_that_are_shown_are_found() -> None:
    cells = [
        "def now():\n    return process_time()",
        "a = now() - 1\nb = a / 2",
        "print(f'{b:.1f}')",
    ]
    assert shown_times(cells) == ["print(f'{b:.1f}')"]
    assert shown_times(["print(history)"]) == ["print(history)"]
    assert shown_times(["times.append(e.cpu_time_total)", "charts.bars(times)"])
    assert shown_times(["a = process_time()", "assert a > 0", "print('0 or more')"]) == []


@pytest.mark.parametrize("name", EXECUTED)
def test_page_shows_no_time_that_it_measures(site: Site, name: str) -> None:
    """Two builds would differ: times are measured by a command, and kept with the package."""
    assert shown_times(site.cells(name)) == []


def test_a_date_that_is_none_is_told(hosted: tuple[Path, str]) -> None:
    build = mkdocs_build(hosted[0], SOURCE_DATE_EPOCH="soon")
    assert build.returncode == 1
    assert (
        "SOURCE_DATE_EPOCH is 'soon', and should be a number of seconds since 1970" in build.stdout
    )
    assert "Traceback" not in build.stdout
