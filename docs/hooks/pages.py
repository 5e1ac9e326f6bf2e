"""Makes an executed page Material's own Markdown: mkdocs-jupyter caches what MkDocs renders."""

import hashlib
import os
import platform
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import jupytext
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import BuildError
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs_jupyter import plugin as jupyter
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from cnn_tutorial.download import describe_source

log = get_plugin_logger("pages")
# Without these, a kernel warns of its open ports, and an error comes with local paths and colours.
KERNEL = ["--log-level=ERROR", "--InteractiveShell.xmode=Minimal", "--colors=nocolor"]
# A page names each drawing twice, with the fragments by which Material hides one of them in each
# theme; inside the file, the fragment is the :target that selects the ink.
SVG_HEAD = (
    r'<svg id="only-dark"\1><style>svg{color:#212228;--ground:#fff}'
    "svg:target{color:#d8dae3;--ground:#1e2129}</style>"
)
CAPTION = re.compile(r"\n</figure>\n\n\*(?!\*)((?:.|\n(?!\n))+?)\*\n\n")  # italics after a figure
FIGCAPTION = '\n<figcaption markdown="span">\\1</figcaption>\n</figure>\n\n'
FOLD = '<details class="code" markdown>\n<summary>Code</summary>\n\n{}\n\n</details>'
read = cache(jupytext.read)


def on_config(config: MkDocsConfig) -> None:
    """Have mkdocs-jupyter cache by what decides the outputs: code, package, digits, versions."""
    root = Path(config.config_file_path).parent
    # For the kernels: the package from here, and one thread each, since they run side by side.
    os.environ |= {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    versions = [f"{name} {version(name)}" for name in ("torch", "torchvision", "matplotlib")]
    try:
        digits = describe_source()
    except ValueError as error:
        raise BuildError(str(error)) from None
    setting = [digits, f"Python {platform.python_version()}", *versions, "CPU"]
    config.extra["setting"] = ", ".join(setting)
    package = sorted(p for p in (root / "cnn_tutorial").rglob("*.*") if p.suffix != ".pyc")
    inputs = repr([setting, [(path.name, path.read_bytes()) for path in package]]).encode()
    digest = hashlib.sha256(inputs).hexdigest()

    read.cache_clear()
    jupyter.jupytext = SimpleNamespace(read=read)  # else each page is parsed six times

    def cache_key(path: str, *_: object) -> str:
        code = [cell.source for cell in _code_cells(read(path))]
        return hashlib.sha256(repr([digest, code]).encode()).hexdigest()

    jupyter._compute_cache_key = cache_key
    jupyter._get_nb_toc_tokens = lambda *_: ([], None)  # MkDocs makes the table of contents
    jupyter.logger.setLevel("WARNING")


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Fill mkdocs-jupyter's cache, executing side by side the pages that it does not hold."""
    plugin: Any = config.plugins["mkdocs-jupyter"]
    pages = [page for page in nav.pages if plugin.should_include(page.file)]
    places = [f"{page.file.src_uri} ({n} of {len(pages)})" for n, page in enumerate(pages, 1)]
    names = dict(zip((str(page.file.abs_src_path) for page in pages), places, strict=True))

    def render(page: Page) -> None:
        plugin.on_pre_page(page, config=config, files=files)
        page.render(config, files)

    jupyter.convert.nb2html = lambda path, **_: execute(path, names[path])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(render, pages))


def execute(path: str, name: str) -> str:
    """Run the cells of a page and return the notebook as JSON; a failing cell stops the build."""
    log.info("Running %s", name)
    client = NotebookClient(deepcopy(read(path)), coalesce_streams=True, extra_arguments=KERNEL)
    try:
        with TemporaryDirectory() as folder:
            if sys.platform != "win32":  # of free ports, another build may take those found here
                client.config.KernelManager.transport = "ipc"
                client.config.KernelManager.ip = f"{folder}/kernel"
            return str(jupytext.writes(client.execute(), fmt="ipynb"))
    except CellExecutionError as error:
        number = client.code_cells_executed
        source = _code_cells(client.nb)[number - 1].source.splitlines()
        said = str(error).rpartition("-" * 18)[2].strip().splitlines()
        said = said if len(said) < 5 else said[:2] + said[-2:]
        lines = [f"{name}: code cell {number} failed:", *source[:9], *said]
        raise BuildError("\n".join(lines)) from None


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Join the prose and the code of a page as they are now with the outputs of its execution."""
    if "render" not in vars(page):  # mkdocs-jupyter gives one to each page that it executes
        return markdown
    page.render(config, files)  # from the cache
    del page.render
    executed = _code_cells(jupytext.reads(page.content, fmt="ipynb"))
    outputs = iter([cell.outputs for cell in executed])
    notebook, source = read(page.file.abs_src_path), Path(page.file.src_uri)
    parts: list[str] = []

    def add_file(name: str, content: str) -> str:
        uri = (source.parent / source.stem / name).as_posix()
        files.append(File.generated(config, uri, content=content))
        return f"{source.stem}/{name}"

    def show(output: Any) -> str:
        data = output.get("data", {"text/plain": output.get("text")})
        drawing = output.get("metadata", {}).get("image/svg+xml", {})
        if output.get("name") == "stderr":
            log.warning("%s: a cell wrote to stderr: %s", source, output.text)
        if any(kind.startswith("image/") for kind in data) and not drawing.get("alt"):
            log.warning("%s: a figure has no alt text; draw it with plots", source)
        elif drawing:
            svg = re.sub("<svg([^>]*)>", SVG_HEAD, data["image/svg+xml"], count=1)
            link = add_file(f"figure-{len(parts)}.svg", svg)
            alt = re.sub(r"([][\\`*_<])", r"\\\1", drawing["alt"])
            size = "{{ width={width} height={height} loading=lazy }}".format(**drawing)
            images = [f"![{alt}]({link}#only-{theme}){size}" for theme in ("light", "dark")]
            return "\n".join(['<figure markdown="span">', *images, "</figure>"])
        if "text/html" in data:
            return f'<div class="output">\n{data["text/html"]}\n</div>'
        return data.get("text/markdown") or _fence(data["text/plain"], ".text .output .no-copy")

    for cell in notebook.cells:
        if cell.cell_type == "code":
            code = _fence(cell.source, ".python")
            folded = "fold" in cell.metadata.get("tags", [])
            parts.append(FOLD.format(code) if folded else code)
            for output in next(outputs):
                parts.append(show(output))
        elif cell.cell_type == "markdown":
            parts.append(cell.source)
    link = add_file(f"{source.stem}.ipynb", jupytext.writes(notebook, fmt="ipynb"))
    date = executed[0].metadata.execution["iopub.execute_input"][:10]
    where = f"Executed on {config.extra['setting']}, {date}. [As a notebook]({link}){{ download }}"
    return CAPTION.sub(FIGCAPTION, "\n\n".join([*parts, where + "\n{ .executed }"]))


def _code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _fence(text: str, classes: str) -> str:
    # The text may itself hold fences.
    marks = max(re.findall("^`{3,}", text, re.MULTILINE), default="``") + "`"
    return f"{marks} {{ {classes} }}\n{text.rstrip()}\n{marks}"
