"""Leaves out of pages, and of the search, what nobody reads."""

import re

from minify_html import minify
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

# Names, numbers, punctuation, operators and spaces: most of the marked words of code, in its own
# colour. So have the pieces of a string, between what is filled in, that hold no letter.
PLAIN = re.compile(
    r'<span class="(?:bp|mf|mi|n|nn|o|ow|p|sa|se|si|w)">([^<]*)</span>'
    r'|<span class="s[12]">((?:&\w+;|[^<\w])*)</span>|<span></span>'
)
# The code of a question is looked at by few, and needs no colours.
QUESTION = re.compile("<predict-check>.*?</predict-check>", re.DOTALL)
MARKED = re.compile(r'<span class="\w+">([^<]*)</span>')
# Code and outputs of cells, and questions: not signatures, which are looked for, nor what is only
# shown.
SKIPPED = re.compile(
    r'<(div(?= class="(?:language-python (?!doc-|not-run)|language-text output|output))'
    r"|predict-check)"
)
EXCLUDED = " data-search-exclude"
# Links of the navigation have a box around their text, for names that are too long. None is.
BOXED = re.compile(r'<span class="md-ellipsis">\s*([^<]*?)\s*</span>\s*</a>')
# Which HTML knows, of what it draws: 35 bytes for each icon.
NAMESPACE = re.compile(r'(<svg\b[^<>]*?) xmlns="http://www\.w3\.org/2000/svg"')
REFERENCE = re.compile(r'<link rel="stylesheet" href="[^"]*_mkdocstrings.css">')


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Unmark what has no colour in code, and keep code and outputs out of the search index."""
    content = PLAIN.sub(r"\1\2", content)
    content = QUESTION.sub(lambda found: MARKED.sub(r"\1", found[0]), content)
    return SKIPPED.sub(rf"<\1{EXCLUDED}", content)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Drop unused styles, and what browsers do without."""
    if 'class="doc ' not in output:
        output = REFERENCE.sub("", output)
    output = NAMESPACE.sub(r"\1", BOXED.sub(r"\1</a>", output))
    return minified(output.replace(EXCLUDED, ""))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same to the page that stands for missing ones."""
    return minified(output_content) if template_name == "404.html" else output_content


def minified(output: str) -> str:
    """Drop the spaces and quotes that browsers do without."""
    return minify(
        output,
        keep_closing_tags=True,
        keep_html_and_head_opening_tags=True,
        minify_doctype=False,
        allow_noncompliant_unquoted_attribute_values=False,
    )
