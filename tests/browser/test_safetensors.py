"""Files of tensors read in a browser: whole ones as they are, others with a sentence."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hosting import Host, serve
from playwright.sync_api import Browser, Page

KINDS = {np.dtype("<f2"): "F16", np.dtype("u1"): "U8"}
READ = """(name) => m.read(fetch(name)).then(
  ({ tensors, metadata }) => JSON.stringify([metadata, [...tensors].map(
    ([name, { shape, data }]) => [name, shape, data.constructor.name, [...data]])]),
  (error) => error.message)"""


def packed(tensors: dict[str, np.ndarray], **metadata: str) -> bytes:
    """Write a file by the description of the format, not by what others read it with."""
    head: dict[str, object] = {"__metadata__": metadata}
    place = 0
    for name, values in tensors.items():
        end = place + values.nbytes
        head[name] = {"dtype": KINDS[values.dtype], "shape": values.shape}
        head[name] |= {"data_offsets": [place, end]}  # type: ignore[operator]
        place = end
    text = json.dumps(head).encode()
    numbers = b"".join(values.tobytes() for values in tensors.values())
    return len(text).to_bytes(8, "little") + text + numbers


EVERY_HALF = np.arange(2**16, dtype="<u2").view("<f2")
TENSORS = {
    "weight": EVERY_HALF[np.isfinite(EVERY_HALF)].reshape(-1, 2, 4),
    "digits": np.arange(256, dtype="u1").reshape(4, 8, 8),
}
WHOLE = packed(TENSORS, format_version="1", unlike="0.5")
HEAD = 8 + int.from_bytes(WHOLE[:8], "little")
DAMAGED = "{} is damaged, or did not arrive whole."
BAD = {
    "empty": b"",
    "head": WHOLE[: HEAD - 9],
    "short": WHOLE[:-1],
    "short.gz": gzip.compress(WHOLE)[:-99],
    "page": b"<!doctype html><title>Not here</title>",
    "list": (2).to_bytes(8, "little") + b"[1]",
    "sizes": WHOLE.replace(b"[4, 8, 8]", b"[4, 8, 9]"),
    "kind": WHOLE.replace(b'"F16"', b'"F64"'),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensors")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[Host]:
    source = ROOT / "docs/assets/scripts/safetensors.js"
    (folder / "safetensors.js").write_bytes(source.read_bytes())
    (folder / "404.html").write_text("missing", encoding="utf-8")
    with serve(folder) as host:
        yield host


@pytest.fixture(scope="module")
def page(browser: Browser, host: Host) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{host.address}safetensors.js")
    page.evaluate("import('/safetensors.js').then((module) => { window.m = module })")
    yield page
    page.close()


@pytest.mark.parametrize("name", ["whole", "whole.gz"])
def test_numbers_arrive_as_they_were_written(folder: Path, page: Page, name: str) -> None:
    (folder / name).write_bytes(gzip.compress(WHOLE) if "gz" in name else WHOLE)
    metadata, tensors = json.loads(page.evaluate(READ, name))
    assert metadata == {"format_version": "1", "unlike": "0.5"}
    assert [tensor[:3] for tensor in tensors] == [
        ["weight", list(TENSORS["weight"].shape), "Float32Array"],
        ["digits", list(TENSORS["digits"].shape), "Uint8Array"],
    ]
    for (*_, numbers), values in zip(tensors, TENSORS.values(), strict=True):
        assert numbers == values.ravel().tolist()


@pytest.mark.parametrize("name", BAD)
def test_what_is_damaged_is_told_in_a_sentence(folder: Path, page: Page, name: str) -> None:
    assert BAD[name] != WHOLE
    (folder / name).write_bytes(BAD[name])
    assert page.evaluate(READ, name) == DAMAGED.format(name)


def test_what_is_of_no_use_is_told_in_a_sentence(folder: Path, page: Page) -> None:
    """A file that is missing, of another version, with a number that is none, or not reached."""
    assert page.evaluate(READ, "nowhere") == "nowhere is missing."
    (folder / "new").write_bytes(packed(TENSORS, format_version="2"))
    assert page.evaluate(READ, "new") == "new is of version 2, not 1: load the page again."
    for number in ("nan", "inf", "-inf"):
        weight = np.array([0.5, number], "<f2")
        (folder / number).write_bytes(packed({"bias": weight}, format_version="1"))
        told = f"{number} is damaged: not all numbers of bias are finite."
        assert page.evaluate(READ, number) == told
    page.route("**/lost", lambda route: route.abort())
    told = "The numbers did not arrive: the connection may be lost."
    assert page.evaluate(READ, "lost") == told
