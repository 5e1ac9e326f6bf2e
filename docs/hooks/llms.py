"""Gives programs that read text the pages without their dress: llms.txt, and each page as Markdown.

Each lies where its source does, so the links between them hold: breakdown/digits.md beside
breakdown/digits/. What `llms.txt` is: https://llmstxt.org.
"""

import ast
import html
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from outputs import made

FIGURE = re.compile(
    r'<figure markdown="span">\n(?P<image>!\[.*?\]\([^)#]*)[^\n]*(?:\n!\[[^\n]*)*\n'
    r"(?:<figcaption[^>]*>(?P<caption>.*?)</figcaption>\n)?</figure>",
    re.DOTALL,
)
OUTPUT = re.compile(r'<div data-output="(\d+)"></div>')
TEXT = re.compile(
    r'<div class="language-text output[^>]*><pre><code>(.*?)\n</code></pre></div>', re.DOTALL
)
BLOCK = re.compile(r"^( *)(`{3,})([^\n]*)(\n.*?^\1\2 *$)", re.MULTILINE | re.DOTALL)
CLASSES = re.compile(r" ?\{ \.(\w+)[^}]*\}|(\w+) .*")  # what a block of code has besides a language
MEMBERS = re.compile(r"^::: (\S+)(?:\n+ {4}.*)*$", re.MULTILINE)  # and how they are shown
DRESS = (  # of prose
    (re.compile(r"^</?(?:div|nav|\w+-\w+)\b(?! data-output)[^>]*>\n+", re.MULTILINE), ""),
    (re.compile(r"<details[^>]*>"), "<details>"),
    (re.compile(r"(?<!`) ?\{ ?(?:[.#:]\w[^}\n]*|download )\}(?!`)"), ""),  # classes, anchors
    (re.compile(r"(\[[^]\n]+\])\[[\w.]+\]"), r"\1"),  # links into the reference
)
plain: dict[str, str] = {}  # the Markdown of each page, by the path of its source
order: list[Page] = []


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Note the order of the pages."""
    plain.clear()
    order[:] = nav.pages


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Keep what the page says, with its outputs."""
    uri = page.file.src_uri
    root = Path(config.config_file_path).parent

    def output(found: re.Match[str]) -> str:
        block = made[uri].blocks[int(found[1])]
        if text := TEXT.fullmatch(block):
            return f"```text\n{html.unescape(re.sub('<[^>]*>', '', text[1]))}\n```"
        return block

    parts: list[str] = []
    end = 0
    for block in BLOCK.finditer(markdown):
        language = CLASSES.sub(r"\1\2", block[3])
        parts += [
            undressed(markdown[end : block.start()]),
            block[1] + block[2] + language + block[4],
        ]
        end = block.end()
    text = OUTPUT.sub(output, "".join([*parts, undressed(markdown[end:])]))
    plain[uri] = MEMBERS.sub(lambda found: members(root, found[1]), text).strip() + "\n"


def on_post_build(config: MkDocsConfig) -> None:
    """Write the pages, and the list of them."""
    site = Path(config.site_dir)
    for uri, text in plain.items():
        site.joinpath(uri).write_text(text, encoding="utf-8", newline="\n")
    site.joinpath("llms.txt").write_text(contents(config), encoding="utf-8", newline="\n")


def contents(config: MkDocsConfig) -> str:
    """Return llms.txt: what the site is, and its pages in their order with what each is about."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    lines += ["Each page below is Markdown: its code ran, and what it printed stands under it."]
    part: object = None
    for page in order:
        if page.parent != part or page is order[0]:
            part = page.parent
            lines += ["", f"## {page.parent.title if page.parent else config.site_name}", ""]
        title = re.sub("[`*]", "", page.title or "")
        about = page.meta.get("description", config.site_description)
        lines.append(f"- [{title}]({config.site_url or ''}{page.file.src_uri}): {about}")
    return "\n".join(lines) + "\n"


def undressed(prose: str) -> str:
    """Return prose without what only the site needs."""
    for dress, text in DRESS:
        prose = dress.sub(text, prose)
    return FIGURE.sub(figure, prose)


def figure(found: re.Match[str]) -> str:
    """Return a picture in Markdown, with its caption."""
    return f"{found['image']})" + (f"\n\n*{found['caption']}*" if found["caption"] else "")


def members(root: Path, name: str) -> str:
    """Return what is public in a module, or one name of it, with signatures and docstrings."""
    path = root.joinpath(*name.split("."))
    for module in (path.with_suffix(".py"), path / "__init__.py"):
        if module.is_file():
            tree = ast.parse(module.read_text(encoding="utf-8"))
            return "\n\n".join(filter(None, [ast.get_docstring(tree), *_described(tree)]))
    tree = ast.parse(path.parent.with_suffix(".py").read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if getattr(node, "name", "") == path.name]
    return "\n\n".join(filter(None, _described(tree)))


def _described(tree: ast.Module | ast.ClassDef) -> list[str]:
    parts: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            about = ast.get_docstring(node) or ""
            inner = _described(node) if isinstance(node, ast.ClassDef) else []
            node.body = [ast.Pass()]
            head = ast.unparse(node).removesuffix("pass").rstrip().removesuffix(":")
            parts += [f"```python\n{head}\n```", about, *inner]
    return parts
