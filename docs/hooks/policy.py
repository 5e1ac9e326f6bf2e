"""Last of the hooks: names what is read aloud, and lets pages run and load only what is theirs."""

import hashlib
import re
from base64 import b64encode

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.pages import Page
from serving import is_served

log = get_plugin_logger("policy")
# What Material leaves without a name, and what keys do not reach: the label that opens the
# navigation gets a button beside it.
DIALOG = re.compile('role="dialog"')
DRAWER = re.compile('<label class="md-header__button md-icon" for="__drawer">((?s:.*?))</label>')
MENDED = (
    (DIALOG, 'role="dialog" aria-label="Search"'),
    (
        DRAWER,
        r'\g<0><button class="md-header__button md-icon drawer" aria-label="Navigation" '
        r'aria-expanded="false">\1</button>',
    ),
)
# Material's scripts are inline in part, and are known by their hashes; its style sheet holds its
# icons as data.
POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
INLINE = re.compile(r"<script(?: id=\"__[a-z]+\")?>(.*?)</script>", re.DOTALL)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Add the names, and the policy as the first element of the head that matters to it."""
    return secure(output, page.file.src_uri, config)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same to the page that stands for missing ones."""
    is_page = template_name == "404.html"
    return secure(output_content, template_name, config) if is_page else output_content


def secure(output: str, name: str, config: MkDocsConfig) -> str:
    """Return the HTML of a page with names and a policy."""
    for old, new in MENDED:
        output, count = old.subn(new, output)
        if count != 1:
            log.warning("%s: Material's %s is not where it was", name, old.pattern)
    offline: bool = config.plugins["material/offline"].config.enabled
    # The search on a disk needs an inline script, and so does the server that reloads pages.
    if offline or is_served(config):
        return output
    digests = {hashlib.sha256(script.encode()).digest() for script in INLINE.findall(output)}
    hashes = " ".join(sorted(f"'sha256-{b64encode(digest).decode()}'" for digest in digests))
    policy = POLICY.format(hashes=hashes)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return output.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{meta}', 1)
