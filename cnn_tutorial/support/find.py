"""A full data set on disk: where it is looked for, whether it is whole, and what is there instead.

The one rule about which images are used is `find_dataset`: the full set when it is on disk, else
the bundled sample. This module does without torch, so that asking takes milliseconds.
"""

import hashlib
import os
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from cnn_tutorial.datasets import DATASETS, MNIST, DataSet, Source
from cnn_tutorial.support.files import explained

VARIABLE = "CNN_TUTORIAL_DATA"
PARTS = ("train", "t10k")  # how the names of the files for training and for testing begin
MOST_FOLDERS = 500  # that are looked into for files that lie elsewhere


def data_root() -> Path:
    """Return the folder for data: `$CNN_TUTORIAL_DATA`, else the user's cache folder.

    Raises:
        ValueError: It begins with the name of a user that there is not.
    """
    chosen = os.environ.get(VARIABLE)
    return _absolute(chosen, VARIABLE) if chosen else user_cache_path("cnn-tutorial")


def raw_folder(root: Path | str | None = None, dataset: DataSet = MNIST) -> Path:
    """Return the folder of the four files under `root`, where torchvision has it too."""
    folder = data_root() if root is None else _absolute(root)
    return folder / dataset.name / "raw"


def find_dataset(root: Path | str | None = None, dataset: DataSet = MNIST) -> Path | None:
    """Find a full data set on disk and verify it, in about 0.15 s.

    Args:
        root: Where to look; `data_root()` if None.
        dataset: The data set.

    Returns:
        The root whose `MNIST/raw`, or folder of that data set, holds the four files, as they are or
        compressed, or None if there is no such folder or it is empty: then the bundled sample is
        used.

    Raises:
        ValueError: A file is missing, truncated, corrupt or foreign. It is left as it is.
        OSError: A file or the folder cannot be read.
    """
    raw = raw_folder(root, dataset)
    with explained(f"{raw} cannot be read"):
        if not os.path.lexists(raw) or (raw.is_dir() and all(map(is_by_system, raw.iterdir()))):
            return None
        for name in dataset.files:
            path = idx_path(raw, name)
            if damage := _damage(path, name, dataset):
                raise ValueError(f"{path} {damage}. {_cure(raw, name, dataset)}")
    return raw.parent.parent


def idx_path(raw: Path, name: str) -> Path:
    """Return where a file of a data set is: as it is, or else compressed."""
    plain, zipped = raw / name, raw / f"{name}.gz"
    return zipped if zipped.is_file() and not os.path.lexists(plain) else plain


def is_by_system(path: Path) -> bool:
    """Tell whether a file is one that macOS and Windows put into folders by themselves."""
    name = path.name.lower()
    return name in (".ds_store", "thumbs.db", "desktop.ini") or name.startswith("._")


def download_command(dataset: DataSet = MNIST) -> str:
    """Return the command that downloads a data set."""
    option = "" if dataset.name == MNIST.name else f" --dataset {dataset.name}"
    return f"cnn-tutorial download{option}"


def find_source(root: Path | str | None = None, dataset: DataSet = MNIST) -> Source:
    """Say which images `load_digits` uses: those of the full set, or those of the sample.

    Raises:
        ValueError: As `find_dataset`.
        OSError: As `find_dataset` and `source_of`.
    """
    return source_of(dataset, find_dataset(root, dataset), root)


def source_of(dataset: DataSet, found: Path | None, root: Path | str | None = None) -> Source:
    """Say which images are used.

    Args:
        dataset: The data set that was asked for.
        found: What `find_dataset` has found.
        root: Where it was looked for, if someone has named a folder.

    Raises:
        FileNotFoundError: It was not found, and no sample of it comes with the package.
    """
    if found is not None:
        # A file of labels has a head of 8 bytes, then one byte an image.
        train, test = (dataset.files[f"{part}-labels-idx1-ubyte"].size - 8 for part in PARTS)
    elif dataset.sample is not None:
        with np.load(dataset.sample) as arrays:
            train, test = (len(arrays[f"{part}_labels"]) for part in ("train", "test"))
    else:
        named = root is None and _named_by_variable(dataset)
        instead = f" ({named})" if named else ""
        raise FileNotFoundError(
            f"There is no full {dataset.name} on disk{instead}, and no sample of it comes with the "
            f"package. Get it by: {download_command(dataset)}"
        )
    return Source(dataset.name, dataset.classes, train, test, is_sample=found is None)


def why_sample(source: Source, root: Path | str | None = None, dataset: DataSet = MNIST) -> str:
    """Say that the sample is used, what was looked for, and what is there instead.

    Args:
        source: The sample.
        root: The folder that was asked for, if one was.
        dataset: The data set that was asked for.
    """
    raw, command = raw_folder(root, dataset), download_command(dataset)
    if root is None:
        instead = _named_by_variable(dataset)
    else:
        instead = what_is_near(_absolute(root), dataset)
        command += f' --root "{root}"'
    instead = f". {instead[0].upper()}{instead[1:]}." if instead else ";"
    return f"Using {source}, since there is no {raw}{instead} `{command}` gets the full set."


def is_named(root: Path | str | None = None) -> bool:
    """Tell whether someone has said where the data are, and so must know that they are not."""
    return root is not None or bool(os.environ.get(VARIABLE))


def what_is_near(root: Path, dataset: DataSet) -> str:
    """Say what there is in the place of a data set, or near it, that may be meant; else ""."""
    files = f"the files of {dataset.name} are in"
    for parent in root.parents[:2]:
        if _holds(raw_folder(parent, dataset), dataset):
            return f"{files} {raw_folder(parent, dataset)}: name {parent} instead"
    if not root.is_dir():
        # The first part of the path that is not there is the one that is misspelled.
        missing = next(p for p in (*reversed(root.parents), root) if not p.is_dir())
        if os.path.lexists(missing):
            return f"{missing} is no folder"
        others = {p.name.lower(): p for p in _listed(missing.parent) if p.is_dir()}
        alike = get_close_matches(missing.name.lower(), others, 1)
        instead = "".join(f", but there is {others[name]}" for name in alike)
        return f"there is no folder {missing}{instead}"
    below = chain([root], *(root.glob("*/" * depth) for depth in (1, 2, 3)))
    for folder in islice(below, MOST_FOLDERS):
        if found := _holds(folder, dataset):
            if folder.name == "raw" and folder.parent.name == dataset.name:
                return f"{files} {folder}: name {folder.parent.parent} instead"
            said = f"{files} {folder}: move them into {raw_folder(root, dataset)}"
            usual = all(path.name.startswith(name) for name, path in found.items())
            return said if usual else f"{said}, with hyphens for the dots in their names"
    return ""


def _named_by_variable(dataset: DataSet) -> str:
    """Say what there is in the folder that the variable names; "" if it is not set."""
    if not is_named():
        return ""
    root = data_root()
    near = what_is_near(root, dataset)
    if not near:
        names = sorted(path.name for path in _listed(root))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        near = f"in it: {', '.join(names[:3])}{more}" if names else "it is empty"
    return f"{VARIABLE} names {root}; {near}"


def _absolute(folder: Path | str, what: str = "The root") -> Path:
    try:
        return Path(folder).expanduser().absolute()
    except RuntimeError as error:  # which says neither who nor where
        raise ValueError(f"{what} is {folder}, but there is no such user.") from error


def _listed(folder: Path) -> list[Path]:
    with suppress(OSError):  # where nobody may look, nothing is found
        return [path for path in folder.iterdir() if not is_by_system(path)]
    return []


def _holds(folder: Path, dataset: DataSet) -> dict[str, Path]:
    """Return files of a data set in a folder, by their names; none if they are of another set."""
    found = {_usual(path.name): path for path in _listed(folder) if path.is_file()}
    found = {name: path for name, path in found.items() if name in dataset.files}
    if found:  # other sets have files of the same names
        name = min(found, key=lambda name: dataset.files[name].size)
        with suppress(OSError):
            return {} if _damage(found[name], name, dataset) else found
    return {}


def _usual(name: str) -> str:
    """Return the name of a file as the data set has it, from a name of Kaggle's or a zipped one."""
    return name.lower().removesuffix(".gz").replace(".", "-")


def _cure(raw: Path, name: str, dataset: DataSet) -> str:
    """Say what to do about a file that is missing or damaged."""
    alike = [path.name for path in _listed(raw) if _usual(path.name) == name]
    if alike and not os.path.lexists(idx_path(raw, name)):
        return f"But {alike[0]} is there: name it {name}, and the others likewise."
    return f'Move {raw} away, then run: {download_command(dataset)} --root "{raw.parent.parent}"'


def _damage(path: Path, name: str, dataset: DataSet) -> str | None:
    """Say what is wrong with a file of a data set, or return None."""
    if not path.is_file():
        return "is missing" if not path.exists() else "is not a file"
    expected, content = dataset.files[name], path.read_bytes()
    if path.suffix == ".gz":
        return _foreign(md5_of(content), expected.gz_md5)
    # Unsigned bytes (08) in three dimensions are images, in one dimension labels.
    magic = bytes([0, 0, 8, 3 if "idx3" in name else 1])
    if content and not content.startswith(magic[: len(content)]):
        found = content[:4].hex()
        return f"is not the idx file of that name: it starts with {found}, not with {magic.hex()}"
    if len(content) != expected.size:
        how = "truncated" if len(content) < expected.size else "too long"
        return f"is {how}: it has {len(content):,} bytes, not {expected.size:,}"
    if (md5 := md5_of(content)) == expected.md5:
        return None
    # Not all checksums are known, but a file that has one of another set is of that set.
    for other in DATASETS.values():
        if md5 in (file.md5 for file in other.files.values()):
            return f"is a file of {other.name}, not of {dataset.name}"
    if expected.md5:
        return _foreign(md5, expected.md5)
    classes = len(dataset.classes)
    if "labels" in name and (highest := max(content[8:])) >= classes:
        return f"has a label {highest}: {dataset.name} has {classes} classes, 0 to {classes - 1}"
    return None


def _foreign(md5: str, expected: str) -> str | None:
    if md5 == expected:
        return None
    return f"is corrupt, or of another data set: its MD5 is {md5}, not {expected}"


def md5_of(content: bytes | bytearray) -> str:
    """Return the checksum of a file's content, as data sets publish it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
