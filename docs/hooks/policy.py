"""Last of the hooks, since it hashes scripts: pages run and load only what is theirs."""

import hashlib
import re
from base64 import b64encode

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page
from serving import is_served

# Material's scripts are inline in part, and are known by their hashes; its style sheet holds its
# icons as data.
POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
INLINE = re.compile(r'<script(?: id="?__[a-z]+"?)?>(.*?)</script>', re.DOTALL)
CHARSET = re.compile('<meta charset="?utf-8"?>')


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Add the policy as the first element of the head that matters to it."""
    return with_policy(output, config)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same to the page that stands for missing ones."""
    is_page = template_name == "404.html"
    return with_policy(output_content, config) if is_page else output_content


def with_policy(output: str, config: MkDocsConfig) -> str:
    """Return the HTML of a page with a policy."""
    offline: bool = config.plugins["material/offline"].config.enabled
    # The search on a disk needs an inline script, and so does the server that reloads pages.
    if offline or is_served(config):
        return output
    digests = {hashlib.sha256(script.encode()).digest() for script in INLINE.findall(output)}
    hashes = " ".join(sorted(f"'sha256-{b64encode(digest).decode()}'" for digest in digests))
    policy = POLICY.format(hashes=hashes)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return CHARSET.sub(rf"\g<0>{meta}", output, count=1)
