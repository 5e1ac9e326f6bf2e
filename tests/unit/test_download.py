"""A download gives the whole MNIST or, whatever happens, leaves what was there."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import started
from mnist_files import (  # noqa: F401 (two fixtures)
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Mirrors,
    leftovers,
    mirror_server,
    raw_files,
    small_mnist,
    write_raw,
)

from cnn_tutorial.datasets import MNIST
from cnn_tutorial.support.download import download
from cnn_tutorial.support.find import find_dataset

SHORT = 1  # second: for mirrors that stall; all others have the usual 30


def test_download_gives_the_four_files(
    tmp_path: Path, idx: dict[str, bytes], server: Mirrors, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "a folder" / "to be made"
    assert download(root, mirrors=[server.url("good")]) == root
    assert raw_files(root) == idx
    assert leftovers(root) == ["raw"]
    assert find_dataset(root) == root
    assert server.requests == [f"/good/{name}.gz" for name in MNIST.files]
    assert capfd.readouterr() == ("", ""), "the progress bar is for terminals only"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_files_are_readable_as_the_users_others(tmp_path: Path, server: Mirrors) -> None:
    (tmp_path / "other").mkdir()
    download(tmp_path, mirrors=[server.url("good")])
    assert (tmp_path / "MNIST" / "raw").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_there_is_not_downloaded_again(
    tmp_path: Path, idx: dict[str, bytes], server: Mirrors
) -> None:
    write_raw(tmp_path, idx)
    assert download(tmp_path, mirrors=[server.url("good")]) == tmp_path
    assert server.requests == []


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._raw"])
def test_folder_with_what_the_system_puts_there_is_filled(
    tmp_path: Path, idx: dict[str, bytes], server: Mirrors, name: str
) -> None:
    write_raw(tmp_path, {name: b"its own"})
    assert find_dataset(tmp_path) is None
    download(tmp_path, mirrors=[server.url("good")])
    assert raw_files(tmp_path) == idx


def test_empty_folder_is_filled(tmp_path: Path, idx: dict[str, bytes], server: Mirrors) -> None:
    write_raw(tmp_path, {})
    download(tmp_path, mirrors=[server.url("good")])
    assert raw_files(tmp_path) == idx


BAD = {
    "403": "HTTP Error 403: Forbidden",
    "404": "HTTP Error 404: Not Found",
    "500": "HTTP Error 500: Internal Server Error",
    "silent": "timed out",
    "stalls": "timed out",
    "dribbles": "too slow: ",
    "cut": "cut off after ",
    "chopped": "cut off after ",
    "corrupt": "wrong checksum: the MD5 is ",
    "endless": "sends more than the ",
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_mirror_is_followed_by_the_next(
    tmp_path: Path, idx: dict[str, bytes], server: Mirrors, kind: str
) -> None:
    timeout = SHORT if kind in ("silent", "stalls", "dribbles") else 30
    download(tmp_path, mirrors=[server.url(kind), server.url("good")], timeout=timeout)
    assert raw_files(tmp_path) == idx
    # A mirror that failed is not waited for again, once another has been found good.
    assert [path.split("/")[1] for path in server.requests] == [kind, *["good"] * 4]


def test_all_mirrors_and_what_to_do_are_in_the_error(tmp_path: Path, server: Mirrors) -> None:
    mirrors = [server.url(kind) for kind in BAD]
    closed = "http://127.0.0.1:9/"
    start = time.monotonic()
    with pytest.raises(ConnectionError) as error:
        download(tmp_path, mirrors=[*mirrors, closed, "nonsense"], timeout=SHORT)
    assert time.monotonic() - start < 20, "three mirrors stall, the others answer at once"
    lines = str(error.value).splitlines()
    assert lines[0] == f"{TRAIN_IMAGES}.gz could not be downloaded."
    for line, mirror, reason in zip(lines[1:], mirrors, BAD.values(), strict=False):
        assert line.startswith(f"  {mirror}: {reason}")
    assert "refused" in lines[-3]
    assert lines[-2] == f"  nonsense: unknown url type: 'nonsense/{TRAIN_IMAGES}.gz'"
    assert lines[-1].startswith("Check the connection and try again, or put the four files")
    assert str(tmp_path / "MNIST" / "raw") in lines[-1]
    assert "Errno" not in str(error.value)
    print(error.value)
    assert leftovers(tmp_path) == []
    assert find_dataset(tmp_path) is None


def test_unzipped_files_are_verified_too(
    tmp_path: Path, server: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = MNIST.files[TRAIN_IMAGES]._replace(md5="0" * 32)
    monkeypatch.setitem(MNIST.files, TRAIN_IMAGES, wrong)
    with pytest.raises(ConnectionError, match="wrong checksum: the MD5 unzipped is"):
        download(tmp_path, mirrors=[server.url("good")])
    assert leftovers(tmp_path) == []


def command_line(root: Path, mirror: str) -> list[str]:
    """`cnn-tutorial download` in a process of its own, with the small MNIST and its mirror."""
    files = {name: tuple(file) for name, file in MNIST.files.items()}
    code = f"""if True:
        import sys
        from cnn_tutorial import __main__
        from cnn_tutorial.datasets import MNIST, IdxFile
        MNIST.files.update({{name: IdxFile(*file) for name, file in {files}.items()}})
        object.__setattr__(MNIST, "mirrors", [{mirror!r}])
        sys.exit(__main__.main(["download", "--root", {str(root)!r}]))"""
    return [sys.executable, "-c", code]


# Interrupted, and at the same time as another


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError, OSError("disk full")])
def test_interruption_midway_leaves_the_old_state(
    tmp_path: Path, server: Mirrors, monkeypatch: pytest.MonkeyPatch, interruption: Any
) -> None:
    written: list[str] = []
    write_bytes = Path.write_bytes

    def interrupted(self: Path, content: bytes) -> int:
        if len(written) == 2:
            raise interruption
        written.append(self.name)
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises((KeyboardInterrupt, MemoryError, OSError)):
        download(tmp_path, mirrors=[server.url("good")])
    assert written == [TRAIN_IMAGES, TRAIN_LABELS]
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_process_stopped_midway_leaves_the_old_state(
    tmp_path: Path, idx: dict[str, bytes], server: Mirrors, name: str
) -> None:
    command = command_line(tmp_path, server.url("stalls-at-last"))
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert server.stalled.wait(60)
        process.send_signal(getattr(signal, name))
        _, errors = process.communicate(timeout=60)
    assert errors == b""
    assert find_dataset(tmp_path) is None
    assert not (tmp_path / "MNIST" / "raw").exists()
    if name == "SIGINT":
        assert process.returncode == 130
        assert leftovers(tmp_path) == []
    # And what a killed process leaves is in nobody's way.
    download(tmp_path, mirrors=[server.url("good")])
    assert raw_files(tmp_path) == idx


def test_two_downloads_at_once_both_succeed(
    tmp_path: Path, idx: dict[str, bytes], server: Mirrors
) -> None:
    # The server holds the last file back until both ask for it, so that they do overlap.
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(download, tmp_path, mirrors=[server.url("meets")]) for _ in range(2)]
        assert [result.result() for result in results] == [tmp_path, tmp_path]
    assert raw_files(tmp_path) == idx
    assert leftovers(tmp_path) == ["raw"]
    assert len(server.requests) == 8


def test_set_that_appears_damaged_meanwhile_is_left_alone(
    tmp_path: Path, idx: dict[str, bytes], server: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = idx | {TEST_LABELS: b"mine"}
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        write_raw(tmp_path, foreign)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(ValueError, match=f"{TEST_LABELS} is not the idx file"):
        download(tmp_path, mirrors=[server.url("good")])
    assert raw_files(tmp_path) == foreign
    assert leftovers(tmp_path) == ["raw"]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of POSIX")
@pytest.mark.parametrize(("encoding", "full"), [("utf-8", "█"), ("ascii", "#"), ("cp1252", "#")])
def test_progress_bar_in_a_terminal(
    tmp_path: Path, server: Mirrors, encoding: str, full: str
) -> None:
    import pty
    import termios

    terminal, stderr = pty.openpty()
    termios.tcsetwinsize(stderr, (24, 80))
    variables = os.environ | {"PYTHONIOENCODING": encoding}
    command = command_line(tmp_path, server.url("good"))
    subprocess.run(command, stderr=stderr, env=variables, check=True)
    os.set_blocking(terminal, False)  # No bar is an error, not a wait.
    shown = os.read(terminal, 100_000).decode(encoding)
    os.close(terminal)
    os.close(stderr)
    for name in MNIST.files:
        assert f"{name}.gz: 100%|{full}" in shown
