"""Tells the site that is written, by `mkdocs serve`, from the one that is built."""

import errno
import socket
from functools import cache

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import BuildError

from cnn_tutorial.support.files import reason


def is_served(config: MkDocsConfig) -> bool:
    """Tell whether MkDocs shows the site to whoever writes it: it then sets its own address."""
    return str(config.site_url).startswith(f"http://{config.dev_addr}/")


def check_port(config: MkDocsConfig) -> None:
    """Make sure that the site can be served, before its pages are run: MkDocs asks after that.

    Raises:
        BuildError: The port is in use, or is none that this user may have.
    """
    if is_served(config):
        _try_port(*config.dev_addr)


@cache  # from the second build on, it is in use by this site
def _try_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OverflowError:
        raise BuildError(f"There is no port {port}: they go from 0 to 65535.") from None
    except OSError as error:
        problem, _, _ = reason(error).partition(" (while")
        if error.errno == errno.EADDRINUSE:
            problem = "another program uses that port, perhaps another `mkdocs serve`"
        other = port + 1 if 1024 <= port < 65535 else 8000
        raise BuildError(
            f"The site cannot be served at {host}:{port}: {problem}. Choose another address, for "
            f"example by: mkdocs serve --dev-addr 127.0.0.1:{other}"
        ) from None
