"""Names for what Material leaves without one, so that it is read aloud and reached by keys."""

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.pages import Page

log = get_plugin_logger("names")
DIALOG = re.compile('role="dialog"')
# A label that opens the navigation, which keys do not reach: it gets a button beside it.
DRAWER = re.compile('<label class="md-header__button md-icon" for="__drawer">((?s:.*?))</label>')
MENDED = (
    (DIALOG, 'role="dialog" aria-label="Search"'),
    (
        DRAWER,
        r'\g<0><button class="md-header__button md-icon drawer" aria-label="Navigation" '
        r'aria-expanded="false">\1</button>',
    ),
)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Add the names to a page."""
    return with_names(output, page.file.src_uri)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same to the page that stands for missing ones."""
    is_page = template_name == "404.html"
    return with_names(output_content, template_name) if is_page else output_content


def with_names(output: str, name: str) -> str:
    """Return the HTML of a page with names; a warning says if Material has changed."""
    for old, new in MENDED:
        output, count = old.subn(new, output)
        if count != 1:
            log.warning("%s: Material's %s is not where it was", name, old.pattern)
    return output
