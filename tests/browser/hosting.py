"""The site served as a common static host serves it, with the bytes that it sends counted."""

import gzip
import hashlib
import mimetypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from conftest import ROOT
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

TEXT = ("text/", "application/json", "image/svg+xml", "application/xml", "application/x-ipynb")
KINDS = {
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".ipynb": "application/x-ipynb+json",
    ".inv": "application/octet-stream",
}


@cache
def contents(path: Path) -> tuple[str, bytes, bytes, str]:
    """Return the kind of a file, what it holds, the same compressed, and its tag."""
    data = path.read_bytes()
    kind = KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or ""
    packed = gzip.compress(data, 6, mtime=0) if kind.startswith(TEXT) else b""
    return kind, data, packed, f'"{hashlib.sha256(data).hexdigest()[:16]}"'


class Host(ThreadingHTTPServer):
    """A folder on this machine, at a path: compressed, tagged, with the page of what is missing.

    Attributes:
        address: Where the folder lies, with the slash at its end.
        asked: The path and the status of each answer since the last `forget`.
        sent: Bytes of those answers, headers included.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path, prefix: str, max_age: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.prefix, self.max_age = folder, prefix, max_age
        self.address = f"http://127.0.0.1:{self.server_port}{prefix}"
        self.lock, self.changed = threading.Lock(), time.monotonic()
        self.forget()

    def forget(self) -> None:
        """Start counting again."""
        self.asked: list[tuple[str, int]] = []
        self.sent = 0

    def note(self, path: str, status: int, size: int) -> None:
        with self.lock:
            self.asked.append((path, status))
            self.sent += size
            self.changed = time.monotonic()

    def idle(self) -> float:
        """Return for how many seconds nothing was asked."""
        return time.monotonic() - self.changed

    def handle_error(self, *_: Any) -> None:
        """Let a browser hang up."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Host

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        host, path = self.server, unquote(urlsplit(self.path).path)
        host.changed = time.monotonic()
        found = host.folder / path.removeprefix(host.prefix)
        status = 200 if path.startswith(host.prefix) else 404
        if status == 200 and found.is_dir():
            if not path.endswith("/"):
                return self.answer(301, {"Location": urlsplit(self.path).path + "/"}, b"")
            found /= "index.html"
        if status == 404 or not found.is_file():
            status, found = 404, host.folder / "404.html"
        kind, data, packed, tag = contents(found)
        headers = {"Content-Type": kind, "ETag": tag, "Vary": "Accept-Encoding"}
        headers["Cache-Control"] = f"max-age={host.max_age}"
        if status == 200 and self.headers.get("If-None-Match") == tag:
            return self.answer(304, headers, b"")
        if packed and "gzip" in self.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            data = packed
        self.answer(status, headers, data)

    do_HEAD = do_GET  # noqa: N815

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send everything at once, so that what was sent can be counted."""
        if status != 304:
            headers |= {"Content-Length": str(len(body))}
        first = f"{self.protocol_version} {status} {self.responses[status][0]}"
        lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        data = "\r\n".join(lines).encode() + (b"" if self.command == "HEAD" else body)
        self.server.note(self.path, status, len(data))
        self.wfile.write(data)


@contextmanager
def serve(folder: Path, prefix: str = "/", max_age: int = 600) -> Iterator[Host]:
    """Serve a folder at a path of this machine."""
    with Host(folder, prefix, max_age) as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield host
        finally:
            host.shutdown()
            thread.join()


def listen(page: Page) -> tuple[list[str], list[str]]:
    """Return two lists that grow: what the page asks for, and what is complained of."""
    asked: list[str] = []
    complaints: list[str] = []

    def on_request(request: Request) -> None:
        asked.append(request.url)

    def on_console(message: ConsoleMessage) -> None:
        complaints.append(f"{message.type}: {message.text}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"{response.status} {response.url}")

    page.context.on("request", on_request)
    page.context.on("console", on_console)
    page.context.on("weberror", lambda error: complaints.append(str(error.error)))
    page.context.on("response", on_response)
    page.context.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    return asked, complaints


def settle(page: Page, host: Host) -> None:
    """Wait until the page has asked for nothing for a while."""
    while host.idle() < 0.15:
        page.wait_for_timeout(30)


@contextmanager
def module_page(browser: Browser, name: str) -> Iterator[Page]:
    """Open a page of a site of our scripts, in which `m` is one of them."""
    with serve(ROOT / "docs/assets/scripts") as host:
        page = browser.new_page()
        page.goto(f"{host.address}{name}")
        page.evaluate("(name) => import(`/${name}`).then((module) => { window.m = module })", name)
        yield page
        page.close()
