"""A site that knows its address and its repository, as a fork does, by MkDocs and ProperDocs."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import EXECUTED, ROOT, Site, make_project, mkdocs_build, once, run_module
from mkdocs.utils.yaml import yaml_load
from test_site import nav_pages

ADDRESS = "https://someone.example/fork/"
SOURCE = "https://github.com/someone/fork"
TEMPLATE = "template.md"  # of a page, for whoever writes one
PAGES = {
    "index.md": "# Home\n\nA page of prose, and [another](template.md#exercise). $a < b$\n",
    TEMPLATE: (ROOT / "tests/site" / TEMPLATE).read_text(encoding="utf-8"),
    "reference.md": "# Reference\n\n## cnn_tutorial.evaluation\n\n::: cnn_tutorial.evaluation\n",
}
GENERATOR = re.compile(r'content="mkdocs-(?:ProperDocs )?[\d.]+, ')


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built project of three pages."""

    def make(root: Path) -> str:
        make_project(root, PAGES)
        path = root / "mkdocs.yml"
        config = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(config | {"site_url": ADDRESS[:-1], "repo_url": SOURCE}))
        build = mkdocs_build(root)
        assert build.returncode == 0, build.stdout
        return build.stdout

    root, _ = once(tmp_path_factory, "hosted", make)
    return root


def test_the_template_of_a_page_is_one(hosted: Path) -> None:
    page = BeautifulSoup((hosted / "site/template/index.html").read_bytes(), "html.parser")
    assert len(page.select("figure")) == 1
    assert "0." in page.select(".output")[0].get_text()
    assert page.select("details.code")
    assert page.select("details.question .cell")


def test_the_repository_is_linked_and_not_asked(hosted: Path) -> None:
    """Material's own link has the browser ask the host of the repository for its stars."""
    for path in (hosted / "site").rglob("*.html"):
        page = BeautifulSoup(path.read_bytes(), "html.parser")
        found = page.select("a.md-source")
        assert {str(link["href"]) for link in found} == {SOURCE}, path
        assert not page.select("[data-md-component=source]"), path


def test_properdocs_makes_the_same_pages(hosted: Path) -> None:
    options = ["--strict", "--site-dir", "proper", "--config-file", "mkdocs.yml"]
    build = run_module(hosted, "properdocs", "build", *options)
    assert build.returncode == 0, build.stdout
    files = {
        folder: {
            path.relative_to(hosted / folder).as_posix(): path
            for path in (hosted / folder).rglob("*")
            if path.is_file() and path.name != "sitemap.xml.gz"  # which holds the time
        }
        for folder in ("site", "proper")
    }
    assert files["site"].keys() == files["proper"].keys()
    renamed = 0
    for name, path in files["site"].items():
        ours, theirs = path.read_bytes(), files["proper"][name].read_bytes()
        if name.endswith(".html"):
            (one, n), (other, m) = (GENERATOR.subn("", html.decode()) for html in (ours, theirs))
            assert (one, n) == (other, m), name
            renamed += b"mkdocs-ProperDocs " in theirs
        elif name == "sitemap.xml":  # in which some versions leave empty lines
            assert ours.split() == theirs.split()
        else:
            assert ours == theirs, name
    assert renamed == len(PAGES) + 1  # and the page of dead links


def test_llms_txt_knows_the_address(hosted: Path) -> None:
    lines = (hosted / "site/llms.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# CNN tutorial"
    assert f"- [A question as a title]({ADDRESS}template.md): What the page answers" in "\n".join(
        lines
    )


def test_the_reference_is_there_as_markdown(hosted: Path) -> None:
    text = (hosted / "site/reference.md").read_text(encoding="utf-8")
    assert "def predict(" in text
    assert "Raises:" in text
    assert ":::" not in text


def test_llms_txt_lists_every_page(site: Site) -> None:
    listed = re.findall(
        r"^- \[(.+)\]\((.+)\.md\): .{20,}$",
        (site.html / "llms.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    nav = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert [name for _, name in listed] == [*nav_pages(nav)]
    for _, name in listed:
        text = (site.html / f"{name}.md").read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert not re.search("^:::", text, re.MULTILINE), name


@pytest.mark.parametrize("name", EXECUTED)
def test_page_as_markdown_holds_its_code_and_what_that_gave(site: Site, name: str) -> None:
    text = site.html.joinpath(f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^(`{3,})(\w*)\n(.*?)\n\1$", text, re.MULTILINE | re.DOTALL)
    code = [source for _, language, source in blocks if language == "python"]
    assert [source for source in code if source in site.cells(name)] == site.cells(name)
    printed = [source for _, language, source in blocks if language == "text"]
    page = BeautifulSoup(site.page(name).read_bytes(), "html.parser")
    shown = [block.get_text().rstrip("\n") for block in page.select("div.language-text.output pre")]
    assert [text for text in printed if text in shown] == shown
    kept = r'^(`{3,})\w*\n.*?\n\1$|<div class="output">.*?</div>'  # code, printed text, tables
    prose = re.sub(kept, "", text, flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^!\[", prose, re.MULTILINE)) == len(page.select("article figure"))
    for link in re.findall(r"^!\[.*?\]\(([^)]*)\)$", prose, re.MULTILINE):
        assert (site.html / name).parent.joinpath(link).is_file(), link
    leftover = re.search(r"data-output|</?(?:div|figure|nav)|\{ ?[.#:]\w|^---", prose, re.MULTILINE)
    assert not leftover, prose[leftover.start() - 50 : leftover.end() + 50]
