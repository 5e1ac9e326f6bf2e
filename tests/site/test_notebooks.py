"""The notebooks of the site: what they hold, and that they run where the repository is not."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import EXECUTED, KINDS, ROOT, Site, environment
from mkdocs.utils.yaml import yaml_load

PARTS = {"CNN_Model_Breakdown": "breakdown", "CNN_Model": "experiments"}
# What DESIGN says of the two notebooks from which the site descends.
DESCRIBED = {
    "CNN_Model_Breakdown": (
        "MNIST|torchvision|tensors|batch|conv1|conv2|convolution|pooling|dimensions|feature map|"
        "one image|layer by layer|shape"
    ),
    "CNN_Model": (
        "class|convolution|max pooling|fully-connected|trained|accuracy|loss|kernels|experiment"
    ),
}
CODE = re.compile(r"^ *(`{3,})(?s:.*?)^ *\1 *$|(`+)(?!`)(?s:.+?)(?<!`)\2(?!`)", re.MULTILINE)
MATERIAL = re.compile(
    r"^ *(?:!!!|\?\?\?|===) .*|\{:? *[.#][\w-][^}]*\}|\{ download|\[\^\w+\]|<[^<>]* markdown[^<>]*>"
    r"|\.md\b|\]\[|<!--",
    re.MULTILINE,
)


def place(name: str) -> str:
    """Return where the notebook of that name is in the site."""
    if name in PARTS:
        return f"{name}.ipynb"
    return f"{name}/{name.rpartition('/')[2]}.ipynb"


def pages_of(name: str) -> list[str]:
    """Return the pages that a notebook is made of, in order."""
    if name not in PARTS:
        return [name]
    nav = json.dumps(yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    return re.findall(rf'"({PARTS[name]}/[\w-]+)\.md"', nav)


def load(folder: Path, name: str) -> Any:
    text = (folder / place(name)).read_text(encoding="utf-8")
    return nbformat.reads(text, as_version=4)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: Any) -> str:
    """Return the Markdown of a notebook, and that which its cells put out."""
    found = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell in code(notebook):
        outputs = [output.get("data", {}) for output in cell.outputs]
        found += [data["text/markdown"] for data in outputs if "text/markdown" in data]
    return "\n\n".join(found)


@pytest.fixture(params=[*EXECUTED, KINDS, *PARTS])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_notebook_is_the_code_of_its_pages_with_what_it_gave(site: Site, name: str) -> None:
    notebook = load(site.html, name)
    nbformat.validate(notebook)
    first, *cells = code(notebook)
    assert 'find_spec("cnn_tutorial")' in first.source
    assert first.execution_count is None
    pages = pages_of(name)
    sources = [source for page in pages for source in site.cells(page) if source.strip()]
    assert [cell.source for cell in cells] == sources
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    given = [
        outputs
        for page in pages
        for source, outputs in zip(site.cells(page), site.outputs(page), strict=True)
        if source.strip()
    ]
    for cell, outputs in zip(cells, given, strict=True):
        drawings = [o for o in outputs if "image/svg+xml" in o.get("data", {})]
        shown = [o.data["text/html"] for o in cell.outputs if "svg+xml" in str(o.get("data"))]
        assert len(shown) == len(drawings)
        for html, drawing in zip(shown, drawings, strict=True):
            image = BeautifulSoup(html, "html.parser").img
            assert image
            assert image["alt"] == drawing["metadata"]["image/svg+xml"]["alt"]
            assert str(image["src"]).startswith("data:image/svg+xml;base64,")
        printed = "".join(o["text"] for o in outputs if o.get("name") == "stdout")
        now = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
        assert now == printed or "\r" in printed


def test_notebook_has_no_markdown_of_the_site(site: Site, name: str) -> None:
    text = CODE.sub("", prose(load(site.html, name)))
    assert MATERIAL.findall(text) == []
    titles = re.findall("^# .+", text, re.MULTILINE)
    assert len(titles) == 1
    assert text.startswith(titles[0])


def test_links_of_a_notebook_lead_somewhere_wherever_it_is(site: Site, name: str) -> None:
    text = CODE.sub("``", prose(load(site.html, name)))
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    assert len(anchors) == len(set(anchors))
    links = re.findall(r"\]\(([^\s)]+)\)", text)
    assert {link for link in links if link[0] == "#"} == {f"#{anchor}" for anchor in anchors}
    assert all(link.startswith(("#", "https://")) for link in links), links


def test_notebook_is_the_same_each_time(site: Site, name: str) -> None:
    notebook = load(site.html, name)
    assert [cell.id for cell in notebook.cells] == [f"cell-{n}" for n in range(len(notebook.cells))]
    assert all(set(cell.metadata) <= {"tags", "jupyter", "cellView"} for cell in notebook.cells)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_folded_code_and_answers_are_folded_in_jupyter(site: Site) -> None:
    page = load(site.html, "breakdown/digits")
    [drawn] = [cell for cell in code(page) if "boxes=" in cell.source]
    assert drawn.metadata.jupyter == {"source_hidden": True}
    [answer] = [cell for cell in code(page) if "mine = 1 - grey" in cell.source]
    assert answer.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}
    [photo] = [cell for cell in code(page) if "photo = 255" in cell.source]
    assert photo.metadata == {}
    assert "<details>\n<summary>Answer</summary>\n\nMake one grey value" in prose(page)
    [asked] = [cell for cell in code(page) if '"The shape of x"' in cell.source]
    assert asked.metadata.jupyter == {"source_hidden": True}
    assert "<summary>Answer</summary><p><b>(1, 1, 28, 28)</b>" in asked.outputs[0].data["text/html"]


def test_all_that_a_page_may_hold_is_shown_by_jupyter(site: Site) -> None:
    text = prose(load(site.html, KINDS))
    for part in (
        "# All kinds\n",
        "For $a < b$ see [below](#below), the other page and\n`conv2d`.<sup>[1](#note-1)</sup>",
        "> **Mind**\n>\n> A *note*.",
        "**One**\n\nFirst tab.\n\n**Two**\n\n```python\nopen(",
        '<a id="note-1"></a>1. A footnote.',
        '<a id="below"></a>\n\n## Below',
        '````text\n```python\nopen("inside.marker", "w")\n```\n````',
        "*What to **notice** in `x`.*",
        r"\begin{aligned} a &= \frac{b}{c} \\ d &= e \end{aligned}",
        "| `a`  | **b** |",
        "<details>\n<summary>Answer</summary>\n\nFold and\n\n</details>",
        "A **computed** line, $x^2$, and a link.",
    ):
        assert part in text, part
    assert "comment.marker" not in text


@pytest.mark.parametrize("name", PARTS)
def test_part_is_what_its_forerunner_was(site: Site, name: str) -> None:
    text = prose(load(site.html, name)) + "".join(c.source for c in code(load(site.html, name)))
    missing = [word for word in DESCRIBED[name].split("|") if word.lower() not in text.lower()]
    assert missing == []
    notes = re.findall(r"^<a id=\"note-\d+\"></a>(\d+)\.", text, re.MULTILINE)
    assert notes == [str(number) for number in range(1, len(notes) + 1)]
    assert len(notes) > 10


def test_pages_and_home_link_notebooks_and_scripts(site: Site) -> None:
    for page in ("index", *EXECUTED):
        html = BeautifulSoup(site.page(page).read_text(encoding="utf-8"), "html.parser")
        links = {Path(str(a["href"])).name for a in html.select("article a[download]")}
        stem = page.rpartition("/")[2]
        expected = {f"{name}.ipynb" for name in PARTS} if page == "index" else set()
        assert links >= expected | {f"{stem}.ipynb", f"{stem}.py"}


@pytest.mark.parametrize("name", [*EXECUTED, KINDS])
def test_script_is_the_code_of_its_page_under_its_headings(site: Site, name: str) -> None:
    text = (site.html / name / f"{name.rpartition('/')[2]}.py").read_text(encoding="utf-8")
    compile(text, name, "exec")
    about, *cells = re.split(r"^# %%(?: .*)?\n", text, flags=re.MULTILINE)
    assert [cell.strip() for cell in cells] == [c.strip() for c in site.cells(name) if c.strip()]
    html = BeautifulSoup(site.page(name).read_text(encoding="utf-8"), "html.parser")
    title = html.h1.get_text().removesuffix("¶") if html.h1 else ""
    assert about.startswith(f'"""{title}: the code of a page, as a script.\n')
    assert "If that is missing: pip install" in about


RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
for cell in notebook.cells:
    cell.pop("outputs", None) and cell.update(outputs=[])
NotebookClient(notebook).execute()
said = [o.text for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stdout"]
print("".join(said))
"""


def test_notebook_runs_in_an_empty_folder(site: Site, tmp_path: Path) -> None:
    path = site.html / place("breakdown/digits")
    command = [sys.executable, "-c", RUN, str(path)]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment(site.root), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    cells = code(load(site.html, "breakdown/digits"))
    given = [o.text for cell in cells for o in cell.outputs if o.get("name") == "stdout"]
    assert run.stdout == "".join(given) + "\n"


def test_script_runs_in_an_empty_folder_and_prints_what_the_page_does(
    site: Site, tmp_path: Path
) -> None:
    run = subprocess.run(
        [sys.executable, site.html / "breakdown/digits/digits.py"],
        cwd=tmp_path,
        env=environment(site.root),
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    printed = [o["text"] for cell in site.outputs("breakdown/digits") for o in cell if "text" in o]
    assert run.stdout == "".join(printed)
    assert run.stdout


def test_notebook_says_what_to_do_without_the_package(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"from its wheel: pip install FOLDER_OR_WHEEL"):
        exec(code(load(site.html, "breakdown/digits"))[0].source)
