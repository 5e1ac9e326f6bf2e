"""Leaves out of pages and of their search what nobody reads, and of builds what was done before."""

import re
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

# Names, numbers, punctuation, operators and spaces: most of the marked words of code, in its own
# colour.
PLAIN = re.compile(
    r'<span class="(?:bp|mf|mi|n|nn|o|ow|p|sa|se|si|w)">([^<]*)</span>|<span></span>'
)
SKIPPED = re.compile(r'<div (class="(?:language-python|language-text output|output)\b)')
EXCLUDED = "<div data-search-exclude "
REFERENCE = re.compile(r'<link rel="stylesheet" href="[^"]*_mkdocstrings.css">')
compiled = FileSystemBytecodeCache()


def on_config(config: MkDocsConfig) -> None:
    """Keep the compiled templates of mkdocstrings."""
    mkdocstrings: Any = config.plugins["mkdocstrings"]
    mkdocstrings.get_handler("python").env.bytecode_cache = compiled


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Keep the compiled templates of the theme."""
    env.bytecode_cache = compiled


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Have the search show what explains a word before what only has it in a signature."""
    if page.file.src_uri.startswith("reference/"):
        page.meta["search"] = {"boost": 0.001}


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Unmark what has no colour in code, and keep code and outputs out of the search index."""
    content = PLAIN.sub(r"\1", content)
    return SKIPPED.sub(rf"{EXCLUDED}\1", content)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Drop unused styles, the namespace of icons, which HTML knows, and indentation but of code."""
    if 'class="doc ' not in output:
        output = REFERENCE.sub("", output)
    parts = re.split(r"(<pre.*?</pre>)", output.replace(EXCLUDED, "<div "), flags=re.DOTALL)
    texts = [text.replace(' xmlns="http://www.w3.org/2000/svg"', "") for text in parts[0::2]]
    parts[0::2] = [re.sub(r"\s*\n\s*", "\n", text) for text in texts]
    return "".join(parts)
