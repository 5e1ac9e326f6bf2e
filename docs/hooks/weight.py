"""Leaves out of pages, and of the search, what nobody reads."""

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

# Names, numbers, punctuation, operators and spaces: most of the marked words of code, in its own
# colour.
PLAIN = re.compile(
    r'<span class="(?:bp|mf|mi|n|nn|o|ow|p|sa|se|si|w)">([^<]*)</span>|<span></span>'
)
# Code and outputs of cells: not signatures, which are looked for, nor what is only shown.
SKIPPED = re.compile(
    r'<div (class="(?:language-python (?!doc-|not-run)|language-text output|output))'
)
EXCLUDED = "<div data-search-exclude "
REFERENCE = re.compile(r'<link rel="stylesheet" href="[^"]*_mkdocstrings.css">')


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
