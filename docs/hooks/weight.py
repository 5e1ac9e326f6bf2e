"""Leaves out of pages what is neither read nor seen, and of builds what was done before."""

import re
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

# Names, punctuation, operators and spaces: most of the marked words of code, in its own colour.
PLAIN = re.compile(r'<span class="(?:bp|n|o|ow|p|sa|se|si|w)">([^<]*)</span>|<span></span>')
compiled = FileSystemBytecodeCache()


def on_config(config: MkDocsConfig) -> None:
    """Keep the compiled templates of mkdocstrings."""
    mkdocstrings: Any = config.plugins["mkdocstrings"]
    mkdocstrings.get_handler("python").env.bytecode_cache = compiled


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Keep the compiled templates of the theme."""
    env.bytecode_cache = compiled


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Unmark what has no colour in code, before the search index reads it."""
    return PLAIN.sub(r"\1", content)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Drop the namespace of icons, which HTML knows, and indentation, except in code."""
    output = output.replace(' xmlns="http://www.w3.org/2000/svg"', "")
    parts = re.split(r"(<pre.*?</pre>)", output, flags=re.DOTALL)
    parts[0::2] = [re.sub(r"\s*\n\s*", "\n", text) for text in parts[0::2]]
    return "".join(parts)
