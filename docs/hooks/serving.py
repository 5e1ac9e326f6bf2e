"""Tells the site that is written, by `mkdocs serve`, from the one that is built."""

from mkdocs.config.defaults import MkDocsConfig


def is_served(config: MkDocsConfig) -> bool:
    """Tell whether MkDocs shows the site to whoever writes it: it then sets its own address."""
    return str(config.site_url).startswith(f"http://{config.dev_addr}/")
