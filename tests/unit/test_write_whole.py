"""Files are written whole or not at all, and the old one stays."""

import errno
import io
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from small_training import TINY, few, half_trained, make_trainer, resumed

from cnn_tutorial.support.files import write_whole


def no_space(*_: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


class FullDisk(io.FileIO):
    """A file on a disk with room for 1,000 bytes."""

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > 1000:
            super().write(memoryview(content)[:1000])
            no_space()
        return super().write(content) or 0


def fail_at_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", no_space)


def fail_at_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda path, mode: FullDisk(path, mode.replace("b", "")))


def fail_at_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", no_space)


FAILURES = {"sync": fail_at_sync, "write": fail_at_write, "rename": fail_at_rename}


@pytest.mark.parametrize("moment", FAILURES)
@pytest.mark.parametrize("exists", [True, False])
def test_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, moment: str, exists: bool
) -> None:
    path = tmp_path / "checkpoint.pt"
    if exists:
        path.write_bytes(b"old")
    with pytest.MonkeyPatch.context() as patch:
        FAILURES[moment](patch)
        with pytest.raises(OSError, match="No space left on device"):
            write_whole(path, bytes(100_000))
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"] * exists
    assert not exists or path.read_bytes() == b"old"
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_full_disk_ends_a_training_with_its_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    half_trained(path)
    before = path.read_bytes()
    training = resumed(path)
    with pytest.MonkeyPatch.context() as patch:
        fail_at_write(patch)
        with pytest.raises(OSError, match="No space left on device"):
            training.fit(path, save_every=0)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    for path in [
        tmp_path / "folder",
        tmp_path / "file" / "checkpoint.pt",
        tmp_path / "file" / "deeper" / "checkpoint.pt",
        tmp_path / ("long" * 100),
    ]:
        with pytest.raises(OSError) as caught:  # noqa: PT011 (which one depends on the system)
            write_whole(path, b"new")
        assert path.name in str(caught.value) or str(path.parent) in str(caught.value)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_read_only_folder_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint.pt"
    write_whole(path, b"old")
    path.parent.chmod(0o500)
    try:
        try:
            (path.parent / "probe").touch()
        except PermissionError:
            with pytest.raises(PermissionError):
                write_whole(path, b"new")
            assert path.read_bytes() == b"old"
        else:
            (path.parent / "probe").unlink()
            pytest.skip("this user may write to read-only folders")
    finally:
        path.parent.chmod(0o700)


def test_unwritable_checkpoint_is_told_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    training = make_trainer(TINY, few(41))
    with pytest.raises(OSError, match="file"):
        training.fit(tmp_path / "file" / "checkpoint.pt")
    assert training.progress.steps == 0


def test_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    write_whole(path, b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
