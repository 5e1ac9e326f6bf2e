"""The site behind nginx, set up by .ci/nginx.conf: compressed, kept as long as is right, safe."""

import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import Message
from pathlib import Path

import pytest
from conftest import ROOT, Site

MAIN = """
pid {folder}/nginx.pid;
error_log {folder}/errors.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    {site}
}}
"""
Ask = Callable[..., tuple[int, Message, bytes]]


@pytest.fixture(scope="module")
def ask(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The site served by nginx: returns status, headers and body of a path."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("nginx is not on the PATH")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quoted = f"'{site.html}'"  # whatever its name holds
    served = (ROOT / ".ci/nginx.conf").read_text(encoding="utf-8")
    for old, new in ("127.0.0.1:8080", f"127.0.0.1:{port}"), ("/srv/cnn-tutorial", quoted):
        assert old in served
        served = served.replace(old, new)
    config = folder / "nginx.conf"
    config.write_text(MAIN.format(folder=folder, site=served), encoding="utf-8")
    user = ["user root;"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    options = ["-p", str(folder), "-c", str(config), "-g", " ".join(["daemon off;", *user])]

    def ask(path: str, **headers: str) -> tuple[int, Message, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    with subprocess.Popen([program, *options], stderr=subprocess.PIPE, text=True) as process:
        for _ in range(100):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield ask
        process.terminate()


def test_every_file_comes_with_its_kind_and_the_headers(site: Site, ask: Ask) -> None:
    kinds = {}
    files = [path for path in sorted(site.html.rglob("*")) if path.is_file()]
    for path in files:
        status, headers, body = ask("/" + path.relative_to(site.html).as_posix())
        assert (status, body) == (200, path.read_bytes()), path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        kinds[path.suffix] = headers["Content-Type"]
    assert len(files) > 100
    assert kinds[".html"] == "text/html; charset=utf-8"
    assert kinds[".md"] == "text/markdown; charset=utf-8"
    assert kinds[".txt"] == "text/plain; charset=utf-8"
    assert kinds[".ipynb"] == "application/x-ipynb+json"
    assert kinds[".js"].endswith("javascript; charset=utf-8")
    assert kinds[".woff2"] == "font/woff2"
    # A browser that is told not to sniff takes these from no other kind.
    unknown = {suffix for suffix, kind in kinds.items() if kind == "text/plain"}
    assert not unknown


def test_text_is_compressed(ask: Ask) -> None:
    pages = "/", "/index/index.ipynb", "/search/search_index.json", "/assets/styles/site.css"
    for path in *pages, "/index/figure-0.svg", "/index.md":
        _, headers, packed = ask(path, **{"Accept-Encoding": "gzip"})
        assert headers["Content-Encoding"] == "gzip", path
        whole = gzip.decompress(packed)
        assert len(packed) < 0.6 * len(whole), path
        assert ask(path)[2] == whole


def test_what_may_change_is_asked_for_again_and_the_rest_is_kept(site: Site, ask: Ask) -> None:
    _, headers, _ = ask("/")
    assert headers["Cache-Control"] == "no-cache"
    status, _, body = ask("/", **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")
    hashed = [p for p in site.html.rglob("*.min.*") if re.search(r"\.[0-9a-f]{8}\.min\.", p.name)]
    assert len(hashed) >= 3
    for path in hashed:
        kept = ask(f"/{path.relative_to(site.html).as_posix()}")[1]["Cache-Control"]
        assert ("immutable" in kept) == (path.suffix in (".js", ".css")), path


def test_dead_links_and_folders_are_answered(site: Site, ask: Ask) -> None:
    status, headers, body = ask("/nowhere/at/all")
    assert (status, body) == (404, Path(site.html, "404.html").read_bytes())
    assert headers["X-Content-Type-Options"] == "nosniff"
    status, headers, _ = ask("/glossary")
    assert (status, headers["Location"]) == (301, "/glossary/")
