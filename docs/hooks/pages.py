"""Makes an executed page the site's own Markdown: mkdocs-jupyter caches what MkDocs renders.

Three of its functions are replaced: `on_config` and `on_nav` say which, and why.
"""

import hashlib
import html
import json
import os
import platform
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jupytext
import notebooks
import scripts
from commit import commit
from execution import code_cells, execute, read
from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import BuildError
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs_jupyter import plugin as jupyter
from outputs import Outputs, made
from pygments.lexers.python import Python2Lexer, PythonLexer
from serving import check_port, is_served

from cnn_tutorial.support.files import reason
from cnn_tutorial.support.find import find_source, is_named, why_sample
from cnn_tutorial.support.terminal import survive_plain_terminals

log = get_plugin_logger("pages")
CAPTION = re.compile(r"\n</figure>\n\n\*(?!\*)((?:.|\n(?!\n))+?)\*\n\n")  # italics after a figure
FIGCAPTION = '\n<figcaption markdown="span">\\1</figcaption>\n</figure>\n\n'
# Folded code whose figure comes first: that is what is looked at.
BEHIND = re.compile(
    r'(<details class="code" markdown>\n<summary>Code</summary>\n\n'
    r"(`{3,}) [^\n]*\n(?:(?!\n\2\n).)*?\n\2\n\n</details>)\n\n"
    r"(<figure(?:(?!</figure>).)*</figure>)\n\n",
    re.DOTALL,
)
FOLD = '<details class="code" markdown>\n<summary>Code</summary>\n\n{}\n\n</details>'
# Blocks that look like Python. Those of cells, printed ones, those that say that they are not run
# and signatures have a class more; comments and source code in the reference are taken out before.
NAMES = "|".join([*PythonLexer.aliases, *Python2Lexer.aliases, r"ipython\d?"])
SHOWN = re.compile(rf'<div class="language-(?:{NAMES}) highlight">(.*?)</div>', re.DOTALL | re.I)
ASIDE = re.compile(r'<!--.*?-->|<details class="mkdocstrings-source">.*?</details>', re.DOTALL)
MEASURED = re.compile(r"measurements/\w+\.json")
chapters: dict[str, notebooks.Chapter] = {}  # all that have been executed, by their paths
volumes: dict[str, list[str]] = {}  # the notebooks of several chapters, and which, in order


def on_config(config: MkDocsConfig) -> None:
    """Have mkdocs-jupyter cache by what decides the outputs: code, package, digits, versions."""
    survive_plain_terminals()
    check_port(config)
    root = Path(config.config_file_path).parent
    # MkDocs takes its dates from here, and two builds of a commit are to be equal.
    config.extra["commit"], second = commit(root)
    config.extra["day"] = _tell_day(os.environ.get("SOURCE_DATE_EPOCH") or second)
    # For the kernels: the package from here, and one thread each, since they run side by side.
    os.environ |= {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    versions = [f"{name} {version(name)}" for name in ("torch", "torchvision", "matplotlib")]
    try:
        digits = find_source()
    except (OSError, ValueError) as error:
        raise BuildError(str(error)) from None
    if digits.is_sample and is_named():
        log.info(why_sample(digits))
    setting = [str(digits), f"Python {platform.python_version()}", *versions, "CPU"]
    config.extra["setting"] = ", ".join(setting)
    package = {
        path.relative_to(root / "cnn_tutorial").as_posix(): path.read_bytes()
        for path in sorted((root / "cnn_tutorial").rglob("*.*"))
        if path.suffix != ".pyc"
    }
    # Measurements decide the outputs of the pages alone that read them.
    measured = {name: package.pop(name) for name in [*package] if MEASURED.fullmatch(name)}
    digest = hashlib.sha256(repr([setting, package]).encode()).hexdigest()

    def cache_key(path: str, *_: object) -> str:
        notebook = read(path)
        code = [(cell.source, cell.metadata.get("tags")) for cell in code_cells(notebook)]
        named = [text for name, text in measured.items() if f'"{Path(name).stem}"' in repr(code)]
        inputs = [digest, named, notebook.metadata["kernelspec"]["name"], code]
        return hashlib.sha256(repr(inputs).encode()).hexdigest()

    # Its own key sees the prose, and neither the package nor the digits.
    jupyter._compute_cache_key = cache_key
    # It asks often which pages are notebooks, and jupytext reads each anew, with other ideas of
    # what is code.
    read.cache_clear()
    jupyter.jupytext = SimpleNamespace(read=read)

    cache = Path(config.plugins["mkdocs-jupyter"].config["cache_dir"])
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(_unwritable(cache, error)) from None
    jupyter.logger.setLevel("WARNING")


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Fill mkdocs-jupyter's cache, executing side by side the pages that it does not hold."""
    for page in nav.pages:
        if not page.file.is_documentation_page():
            raise BuildError(
                f"{page.file.src_uri} in the navigation is no Markdown. The pages are; a notebook "
                f"becomes one by: jupytext --to markdown {page.file.src_uri}"
            )
    plugin: Any = config.plugins["mkdocs-jupyter"]
    included = [file.page for file in files.documentation_pages() if plugin.should_include(file)]
    pages = [page for page in included if page]
    uris = [page.file.src_uri for page in nav.pages if page in pages]
    chapters.clear()
    volumes.clear()
    for name, folder in notebooks.PARTS.items():
        if part := [uri for uri in uris if uri.startswith(folder)]:
            volumes[name] = part
            files.append(File.generated(config, name, content=""))
    places = [f"{page.file.src_uri} ({n} of {len(pages)})" for n, page in enumerate(pages, 1)]
    names = dict(zip((str(page.file.abs_src_path) for page in pages), places, strict=True))

    def run(path: str, **_: object) -> str:
        log.info("Running %s", names[path])
        return str(jupytext.writes(execute(read(path), names[path]), fmt="ipynb"))

    # It would make HTML that is not the site's own, and wait for each page before the next.
    jupyter.convert.nb2html = run

    def render(page: Page) -> str:
        try:
            plugin.on_pre_page(page, config=config, files=files)
            try:
                page.render(config, files)
            except json.JSONDecodeError:  # a build was killed while it wrote to the cache
                key = jupyter._compute_cache_key(page.file.abs_src_path)
                jupyter._get_cache_path(plugin.config["cache_dir"], key).unlink()
                page.render(config, files)
        except BuildError as error:
            return str(error)
        except OSError as error:
            return _unwritable(plugin.config["cache_dir"], error)
        return ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = dict.fromkeys(filter(None, pool.map(render, pages)))
    if problems:
        raise BuildError("\n\n".join(problems))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Join the prose and the code of a page as they are now with the outputs of its execution."""
    made.clear()
    if "render" not in vars(page):  # mkdocs-jupyter gives one to each page that it executes
        return markdown
    page.render(config, files)  # from the cache
    del page.render
    executed = code_cells(jupytext.reads(page.content, fmt="ipynb"))
    notebook, source = read(str(page.file.abs_src_path)), Path(page.file.src_uri)
    outputs = made[page.file.src_uri] = Outputs(page.file.src_uri)
    parts: list[str] = []
    number = 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        number += 1
        if cell.source.strip():
            code = _fence(cell.source, ".python .cell")
            tags = cell.metadata.get("tags", [])
            given = executed[number - 1].outputs
            if "question" in tags:
                parts += outputs.ask(given, number, code)
                continue
            parts.append(FOLD.format(code) if "fold" in tags else code)
            parts += outputs.show(given, number, "narrow" in tags)
    run = iter(executed)
    cells = [next(run) if cell.cell_type == "code" else cell for cell in notebook.cells]
    description = page.meta.get("description", "")
    title = page.title or source.stem
    chapters[page.file.src_uri] = notebooks.Chapter(page.file.src_uri, title, description, cells)
    outputs.files[f"{source.stem}.ipynb"] = ""  # until all that it links to is known
    address = "" if is_served(config) else page.canonical_url or ""
    package = notebooks.find_package(config.repo_url, config.extra["commit"])
    outputs.files[f"{source.stem}.py"] = scripts.of_page(cells, address, package)
    for name, content in outputs.files.items():
        uri = (source.parent / source.stem / name).as_posix()
        files.append(File.generated(config, uri, content=content))
    links = f"[As a notebook]({source.stem}/{source.stem}.ipynb){{ download }}"
    links += f" [As a script]({source.stem}/{source.stem}.py){{ download }}"
    if colab := notebooks.in_colab(config.repo_url, notebooks.place(page.file.src_uri)):
        links += f" [Open in Colab]({colab})"
    if executed:
        links = f"Executed on {config.extra['setting']}{config.extra['day']}. {links}"
    markdown = CAPTION.sub(FIGCAPTION, "\n\n".join([*parts, links + "\n{ .executed }"]))
    return BEHIND.sub(r"\3\n\n\1\n\n", markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the outputs in; Python that looks as if it had been run, and was not, is a warning."""
    uri = page.file.src_uri
    source = page.file.content_string.splitlines()
    for block in SHOWN.findall(ASIDE.sub("", content)):
        code = html.unescape(re.sub("<[^>]*>", "", block)).strip().splitlines() or [""]
        lines = [number for number, line in enumerate(source, 1) if line.endswith(code[0])]
        where = f"{uri}, line {lines[0]}" if lines and code[0] else uri
        why = (
            "only blocks at the left margin are, outside lists, notes and tabs"
            if uri in made
            else "the front matter of the page names no kernel, as that of the others does"
        )
        log.warning(
            "%s: this Python is not run: %s. What is only to be shown begins with "
            "```{ .python .not-run }: %s",
            where,
            why,
            code[0],
        )
    return made[uri].fill(content) if uri in made else content


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Write the notebooks, now that all that they link to is known."""
    notebooks.write(chapters, volumes, config, files)


def _tell_day(second: str) -> str:
    """Tell MkDocs the second of the build, if there is one, and return its day for people."""
    os.environ["SOURCE_DATE_EPOCH"] = second
    if not second:
        del os.environ["SOURCE_DATE_EPOCH"]
        return ""
    try:
        return f", {datetime.fromtimestamp(int(second), UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        raise BuildError(
            f"SOURCE_DATE_EPOCH is {second!r}, and should be a number of seconds since 1970, such "
            "as `git log -1 --format=%ct` prints. Correct it, or unset it."
        ) from None


def _unwritable(cache: Path, error: OSError) -> str:
    return (
        f"The cache of executed pages, {cache}, cannot be written: {reason(error)}. "
        "Make room for it, or set cache_dir of mkdocs-jupyter in mkdocs.yml."
    )


def _fence(text: str, classes: str) -> str:
    # The text may itself hold fences.
    marks = max(re.findall("^`{3,}", text, re.MULTILINE), default="``") + "`"
    return f"{marks} {{ {classes} }}\n{text.rstrip()}\n{marks}"
