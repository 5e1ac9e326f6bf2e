"""Notebooks of executed pages, with their outputs: one of each page, and one of each part."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from posixpath import join, normpath
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urljoin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from outputs import joined
from plain import Prose, folded, sections, unfold
from serving import is_served

from cnn_tutorial.support.colors import GROUND

# The parts that are a notebook each, by the names of the two that this site descends from.
PARTS = {"CNN_Model_Breakdown.ipynb": "breakdown/", "CNN_Model.ipynb": "experiments/"}
# Hidden until one asks for it, in Jupyter and in Colab.
HIDDEN = {"jupyter": {"source_hidden": True}, "cellView": "form"}
INSTALL = """\
import importlib.util

if importlib.util.find_spec("cnn_tutorial") is None:
    {}"""
PIP = '%pip install --quiet "{}"'
MISSING = """\
raise ModuleNotFoundError(
        "This notebook imports cnn_tutorial, which is not installed here. Install it from "
        "a clone of its repository, or from its wheel: pip install FOLDER_OR_WHEEL"
    )"""
COLAB = "colab.research.google.com"
IMAGE = '<img alt="{}" width="{}" height="{}" style="background:{};padding:6px" src="{}">'


class Chapter(NamedTuple):
    """A page that has been executed: its cells, with the outputs of those that are code."""

    uri: str
    title: str
    description: str
    cells: Sequence[Any]


class Site(NamedTuple):
    """What the notebooks say of the site.

    Attributes:
        name: What it is called.
        setting: With what its pages were executed.
        source: What pip installs the package from, or "" if that is not known.
        page: Returns the address of a page, or "" if the site has none.
        refer: Returns the address of an object of the package, or "" if the site has none.
    """

    name: str
    setting: str
    source: str
    page: Callable[[str], str]
    refer: Callable[[str], str]


def place(uri: str) -> str:
    """Return where in the site the notebook of a page is."""
    return f"{uri.removesuffix('.md')}/{_stem(uri)}.ipynb"


def in_colab(repository: str | None, path: str) -> str:
    """Return where Colab shows a notebook of the site, or "" if it is not on GitHub."""
    on_github = re.fullmatch(
        r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", repository or ""
    )
    # The branch on which the built site is published.
    return f"https://{COLAB}/github/{on_github[1]}/blob/gh-pages/{path}" if on_github else ""


def write(
    chapters: Mapping[str, Chapter],
    volumes: Mapping[str, Sequence[str]],
    config: MkDocsConfig,
    files: Files,
) -> None:
    """Write the notebook of each page, and those of the parts.

    Args:
        chapters: By their paths in docs/.
        volumes: Names of notebooks, and the paths of the chapters of each, in their order.
        config: Of MkDocs; it is known by now what names refer to.
        files: All, with empty ones for the notebooks.
    """
    address = "" if is_served(config) else config.site_url or ""
    autorefs: Any = config.plugins["autorefs"]

    def page(uri: str) -> str:
        file = files.get_file_from_path(uri)
        return urljoin(address, file.url) if address and file else ""

    def refer(name: str) -> str:
        url = autorefs.get_item_url(name, fallback=autorefs.get_fallback_anchor)[0]
        return urljoin(address, url) if address else ""

    source = find_package(config.repo_url, config.extra["commit"])
    site = Site(config.site_name, config.extra["setting"], source, page, refer)

    def put(uri: str, content: str) -> None:
        file = files.get_file_from_path(uri)
        assert file
        file.content_string = content

    for uri, chapter in chapters.items():
        put(place(uri), of_page(chapter, site))
    for name, part in volumes.items():
        title = name.removesuffix(".ipynb").replace("_", " ")
        put(name, of_part(title, [chapters[uri] for uri in part], site))


def find_package(repository: str | None, commit: str) -> str:
    """Return what pip installs the package of a commit from."""
    if not repository:
        return ""
    if in_colab(repository, ""):  # which needs no git
        return f"{repository.removesuffix('/').removesuffix('.git')}/archive/{commit or 'HEAD'}.zip"
    return f"git+{repository}@{commit}" if commit else f"git+{repository}"


def of_page(chapter: Chapter, site: Site) -> str:
    """Return the notebook of a page, as JSON."""
    whole = _Notebook(site)
    address = site.page(chapter.uri)
    what = f"[a page of {site.name}]({address})" if address else f"a page of {site.name}"
    text = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    title = re.search("^# (.+)$", text, re.MULTILINE)
    whole.begin(
        title[1] if title else chapter.title,
        f"This notebook is {what}: its text, its code and what that gave",
    )
    whole.add(chapter, [chapter])
    return whole.finish()


def of_part(title: str, chapters: Sequence[Chapter], site: Site) -> str:
    """Return the notebook of several pages, to be read and run from top to bottom, as JSON."""
    whole = _Notebook(site)
    address = site.page("index.md")
    what = f"[{site.name}]({address})" if address else site.name
    contents = "\n".join(
        f"{number}. [{chapter.title}](#{_stem(chapter.uri)}): {chapter.description}"
        for number, chapter in enumerate(chapters, 1)
    )
    about = f"This notebook is a part of {what}, page after page: text, code and what that gave"
    whole.begin(title, about, contents)
    for chapter in chapters:
        whole.add(chapter, chapters)
    return whole.finish()


class _Notebook:
    """A notebook that is being made."""

    def __init__(self, site: Site) -> None:
        self.site = site
        # Dictionaries, since nbformat's own functions validate each: a second for them all.
        self.cells: list[dict[str, Any]] = []
        self.prose = Prose()
        self.runs = 0

    def begin(self, title: str, about: str, contents: str = "") -> None:
        """Say where the notebook comes from, and install the package."""
        source = self.site.source
        install = PIP.format(source) if source else MISSING
        then = "installs the package that it imports" if source else "says what to do"
        then = f"Where `cnn_tutorial` is missing, the next cell {then}"
        self._write(f"# {title}")
        self._write(f"*{about}, on {self.site.setting}. {then}.*")
        self._code(INSTALL.format(install), {})
        if contents:
            self._write(contents)

    def add(self, chapter: Chapter, chapters: Sequence[Chapter]) -> None:
        """Add a page; links to those that are in the notebook stay in it."""
        inside = {other.uri for other in chapters}
        alone = len(chapters) == 1
        name = _stem(chapter.uri)

        def link(target: str) -> str:
            place, fragment = urldefrag(target)
            if re.match("[a-z]+:", target):
                return target
            uri = normpath(join(chapter.uri, "..", place)) if place else chapter.uri
            if uri in inside:
                stem = "" if alone else _stem(uri)
                return f"#{'-'.join(filter(None, (stem, fragment)))}" if stem or fragment else ""
            address = self.site.page(uri)
            return f"{address}#{fragment}" if address and fragment else address

        down = 0 if alone else 1
        self.prose.begin("" if alone else name, down, link, self.site.refer)
        texts = [cell.source for cell in chapter.cells if cell.cell_type == "markdown"]
        rest = iter(self.prose.read_notes(texts))
        title = ""  # of what is folded away
        for cell in chapter.cells:
            if cell.cell_type == "code":
                if cell.source.strip():
                    self._run(cell, is_folded=bool(title))
                continue
            parts = [*unfold(next(rest), title)]
            title = parts[-1][1]
            for text, fold in parts:
                text = self.prose.convert(text)
                if alone:
                    text = re.sub(r'^<a id="[^"]*"></a>\n\n# .*\n*', "", text)
                if fold:
                    self._fold(fold, text, is_last=(text, fold) == parts[-1])
                else:
                    for section in sections(text):
                        self._write(section)

    def finish(self) -> str:
        """Add the footnotes, leave out unused anchors, and return the notebook as JSON."""
        if notes := self.prose.notes:
            listed = (f'<a id="note-{n}"></a>{n}. {note}' for n, note in enumerate(notes, 1))
            self._write("\n\n".join(["---", *listed]))
        written = [cell for cell in self.cells if cell["cell_type"] == "markdown"]
        text = "\n".join(cell["source"] for cell in written)
        used = {*re.findall(r"\]\(#([^)]+)\)", text)}
        for cell in written:
            cell["source"] = re.sub(
                r'<a id="([^"]*)"></a>\n\n',
                lambda found: found[0] if found[1] in used else "",
                cell["source"],
            )
        for number, cell in enumerate(self.cells):
            cell["id"] = f"cell-{number}"
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        about = {"kernelspec": kernel, "language_info": {"name": "python"}}
        whole = {"cells": self.cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    def _write(self, text: str) -> None:
        if text.strip():
            self.cells.append({"cell_type": "markdown", "metadata": {}, "source": text})

    def _fold(self, title: str, text: str, is_last: bool) -> None:
        """Fold prose away; what is folded cannot reach over cells, so each has its own."""
        if text.strip():
            self._write(folded(title, text))
        elif is_last:
            self._write(f"**{title}**: in the cells below, which are folded")

    def _code(self, source: str, metadata: dict[str, Any], outputs: Sequence[Any] = ()) -> None:
        count = self.runs or None  # of what installs the package, none
        cell = {"cell_type": "code", "source": source, "metadata": metadata}
        self.cells.append(cell | {"outputs": [*outputs], "execution_count": count})

    def _run(self, cell: Any, is_folded: bool) -> None:
        self.runs += 1
        ours = ("fold", "narrow", "question")
        tags = [tag for tag in cell.metadata.get("tags", []) if tag not in ours]
        metadata: dict[str, Any] = {"tags": tags} if tags else {}
        if is_folded or "fold" in cell.metadata.get("tags", []):
            metadata |= HIDDEN
        if is_folded:
            metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
        self._code(cell.source, metadata, [*map(self._output, joined(cell.outputs))])

    def _output(self, output: Any) -> Any:
        if output.output_type not in ("display_data", "execute_result"):
            return output
        data, about = dict(output.data), dict(output.metadata)
        if "image/svg+xml" in data:
            # Jupyter shows no SVG of a notebook that came from elsewhere, but HTML with images.
            described = about.pop("image/svg+xml", {})
            data = {"text/html": _image(data.pop("image/svg+xml"), described)}
            data["text/plain"] = described.get("alt", "")
        if "text/markdown" in data:
            data["text/markdown"] = self.prose.convert(data["text/markdown"])
        shown = {"output_type": output.output_type, "data": data, "metadata": about}
        if output.output_type == "execute_result":
            shown["execution_count"] = self.runs
        return shown


def _image(svg: str, about: Any) -> str:
    source = f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
    alt = html.escape(about.get("alt", ""))
    return IMAGE.format(alt, about.get("width", ""), about.get("height", ""), GROUND, source)


def _stem(uri: str) -> str:
    return uri.rpartition("/")[2].removesuffix(".md")
