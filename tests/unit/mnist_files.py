"""A small MNIST of real digits for tests, and a server with mirrors of it, good and bad."""

import functools
import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_tutorial.datasets import MNIST, SAMPLE, IdxFile

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = MNIST.files


@functools.cache
def make_idx_files(train: int, test: int) -> dict[str, bytes]:
    """The first digits of the sample, as the four files of MNIST hold them."""
    contents = {}
    with np.load(SAMPLE) as arrays:
        for part, prefix, count in (("train", "train", train), ("test", "t10k", test)):
            size = count.to_bytes(4, "big")
            side = (28).to_bytes(4, "big")
            images = arrays[f"{part}_images"][:count].tobytes()
            labels = arrays[f"{part}_labels"][:count].tobytes()
            contents[f"{prefix}-images-idx3-ubyte"] = b"\0\0\x08\x03" + size + side + side + images
            contents[f"{prefix}-labels-idx1-ubyte"] = b"\0\0\x08\x01" + size + labels
    return contents


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture(name="idx")
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A small MNIST of 200 and 50 real digits, which the code under test takes for the full one."""
    contents = make_idx_files(train=200, test=50)
    for name, file in table_of(contents).items():
        monkeypatch.setitem(MNIST.files, name, file)
    return contents


def table_of(contents: dict[str, bytes]) -> dict[str, IdxFile]:
    zipped = {name: gzip.compress(content, mtime=0) for name, content in contents.items()}
    return {
        name: IdxFile(len(content), md5(content), len(zipped[name]), md5(zipped[name]))
        for name, content in contents.items()
    }


def raw_files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "MNIST" / "raw").iterdir()}


def leftovers(root: Path) -> list[str]:
    return [path.name for path in (root / "MNIST").iterdir()]


def write_raw(root: Path, contents: dict[str, bytes], dataset: str = "MNIST") -> Path:
    raw = root / dataset / "raw"
    raw.mkdir(parents=True)
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    return raw


class Mirrors(ThreadingHTTPServer):
    """A server with one folder for each kind of mirror, good and bad."""

    daemon_threads = True

    def __init__(self, idx: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.idx = idx
        self.requests: list[str] = []
        self.stopping = threading.Event()
        self.stalled = threading.Event()
        self.last_file = threading.Barrier(2)

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{kind}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that hung up: many do here."""


class Handler(BaseHTTPRequestHandler):
    server: Mirrors

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        _, kind, file = self.path.split("/")
        body = gzip.compress(self.server.idx[file.removesuffix(".gz")], mtime=0)
        half = len(body) // 2
        stopping = self.server.stopping
        if kind.isdigit():
            self.send_error(int(kind))
            return
        if "urllib" in self.headers["User-Agent"]:
            self.send_error(403)
            return
        if kind == "silent":
            stopping.wait(20)
            return
        self.send_response(200)
        if kind not in ("endless", "chopped"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if kind == "stalls" or (kind == "stalls-at-last" and TEST_LABELS in file):
            self.wfile.write(body[:half])
            self.server.stalled.set()
            stopping.wait(20)
        elif kind == "dribbles":
            for _ in range(100):  # 5 s
                self.wfile.write(body[:1])
                stopping.wait(0.05)
        elif kind in ("cut", "chopped"):
            self.wfile.write(body[:half])
        elif kind == "corrupt":
            self.wfile.write(body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :])
        elif kind == "endless":
            for _ in range(1_000):  # endless enough: 65 MB
                self.wfile.write(bytes(65_536))
        else:
            if kind == "meets" and TEST_LABELS in file:
                self.server.last_file.wait(20)
            self.wfile.write(body)


@pytest.fixture(name="server")
def mirror_server(idx: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Mirrors(idx) as mirrors:
        thread = threading.Thread(target=mirrors.serve_forever, args=(0.02,))
        thread.start()
        yield mirrors
        mirrors.stopping.set()
        mirrors.shutdown()
        thread.join()
