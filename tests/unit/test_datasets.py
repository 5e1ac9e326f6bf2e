"""Another data set is one more value: Fashion-MNIST, as small files of its layout."""

from dataclasses import replace
from pathlib import Path

import pytest
from mnist_files import (  # noqa: F401 (a fixture)
    TEST_LABELS,
    TRAIN_LABELS,
    make_idx_files,
    small_mnist,
    table_of,
    write_raw,
)
from PIL import Image
from small_training import BRIEF, few, make_trainer

from cnn_tutorial.__main__ import SURE, main
from cnn_tutorial.data import Digits, load_digits
from cnn_tutorial.datasets import DATASETS, FASHION_MNIST, MNIST, DataSet, dataset_named
from cnn_tutorial.support import checkpoint
from cnn_tutorial.support.find import find_dataset, find_source

MODEL = Path("model.safetensors")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, where the data are too."""
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Its four files, of 200 and 50 images."""
    contents = make_idx_files(train=200, test=50)
    write_raw(tmp_path, contents, "FashionMNIST")
    for name, file in table_of(contents).items():
        monkeypatch.setitem(FASHION_MNIST.files, name, file._replace(md5=None))
    return FASHION_MNIST


def trained_on(digits: Digits) -> None:
    make_trainer(replace(BRIEF, epochs=1), digits).fit(MODEL)


def test_it_is_loaded_by_one_argument(fashion: DataSet) -> None:
    digits = load_digits(dataset=fashion)
    assert [len(part) for part in digits[:3]] == [180, 20, 50]
    assert str(digits.source) == "the full 200/50 FashionMNIST"
    assert digits.source == find_source(dataset=fashion)
    assert digits.source.classes[9] == "Ankle boot"
    assert load_digits().source.is_sample, "there is still no full MNIST"


@pytest.mark.parametrize("name", ["FashionMNIST", "Fashion-MNIST", "fashion_mnist", "fashionmnist"])
def test_its_name_will_do(fashion: DataSet, name: str) -> None:
    assert load_digits(dataset=name).source == load_digits(dataset=fashion).source
    assert all(dataset_named(name) is dataset for name, dataset in DATASETS.items())


@pytest.mark.parametrize("name", ["FashionMINST", "", "CIFAR10", "MNIST/raw"])
def test_names_that_there_are_are_told(name: str) -> None:
    with pytest.raises(ValueError, match="only MNIST, FashionMNIST") as caught:
        load_digits(dataset=name)
    assert str(caught.value).startswith(f"There is no data set {name!r}: ")


def test_it_is_verified_without_a_checksum(fashion: DataSet, tmp_path: Path) -> None:
    labels = tmp_path / "FashionMNIST/raw" / TEST_LABELS
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is truncated") as caught:
        find_dataset(dataset=fashion)
    assert "cnn-tutorial download --dataset FashionMNIST --root" in str(caught.value)


@pytest.mark.parametrize("name", MNIST.files)
def test_files_of_mnist_are_not_taken_for_it(
    idx: dict[str, bytes], fashion: DataSet, tmp_path: Path, name: str
) -> None:
    """They have the same sizes, and it has no checksums that could tell."""
    raw = tmp_path / "FashionMNIST/raw"
    for file in raw.iterdir():  # other images in other classes
        file.write_bytes(file.read_bytes()[:-1] + b"\1")
    assert find_dataset(dataset=fashion) == tmp_path
    (raw / name).write_bytes(idx[name])
    with pytest.raises(ValueError, match="is a file of MNIST, not of FashionMNIST") as caught:
        load_digits(dataset=fashion)
    assert str(caught.value).startswith(str(raw / name))
    assert "cnn-tutorial download --dataset FashionMNIST" in str(caught.value)


def test_its_files_are_not_taken_for_mnist(idx: dict[str, bytes], tmp_path: Path) -> None:
    write_raw(tmp_path, {name: content[:-1] + b"\1" for name, content in idx.items()})
    with pytest.raises(ValueError, match="is corrupt, or of another data set: its MD5 is "):
        load_digits()


@pytest.mark.parametrize("name", [TRAIN_LABELS, TEST_LABELS])
@pytest.mark.parametrize("label", [10, 11, 255])
def test_label_outside_the_classes_is_told(
    fashion: DataSet, tmp_path: Path, name: str, label: int
) -> None:
    file = tmp_path / "FashionMNIST/raw" / name
    content = bytearray(file.read_bytes())
    content[20] = label
    file.write_bytes(content)
    expected = f"has a label {label}: FashionMNIST has 10 classes, 0 to 9. Move "
    with pytest.raises(ValueError, match=expected) as caught:
        load_digits(dataset=fashion)
    assert str(caught.value).startswith(f"{file} {expected}")


def test_without_its_files_there_is_no_sample_of_it() -> None:
    with pytest.raises(FileNotFoundError, match="download --dataset FashionMNIST"):
        load_digits(dataset=FASHION_MNIST)


def test_training_goes_on_with_the_same_set_only(fashion: DataSet) -> None:
    clothes = load_digits(dataset=fashion)
    trained_on(clothes)
    checkpoint.resume(make_trainer(replace(BRIEF, epochs=1), clothes), MODEL)
    digits = clothes._replace(source=load_digits().source)
    with pytest.raises(
        ValueError, match=r"another training: its digits has dataset 'FashionMNIST', not 'MNIST'"
    ):
        checkpoint.resume(make_trainer(replace(BRIEF, epochs=1), digits), MODEL)


def test_commands_measure_a_network_on_the_set_that_it_learned(
    fashion: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--dataset", "FashionMNIST"]) == 0
    assert "Learning from the full 200/50 FashionMNIST" in capsys.readouterr().out
    assert main(["evaluate"]) == 0
    assert capsys.readouterr().out.startswith("Test digits of the full 200/50 FashionMNIST: ")
    picture = 255 - 255 * load_digits(dataset=fashion).test.tensors[0][0, 0]
    Image.fromarray(picture.byte().numpy()).save("shoe.png")
    assert main(["predict", "shoe.png"]) == 0
    said = capsys.readouterr().out
    bars = [line for line in said.splitlines() if "%" in line]
    assert [line[:13].rstrip() for line in bars] == list(FASHION_MNIST.classes)
    # The most probable comes first; the others may be as good as alike.
    shares = [float(line[13:].split("%")[0]) for line in bars]
    likely = {
        name for name, p in zip(FASHION_MNIST.classes, shares, strict=True) if p == max(shares)
    }
    answer = said.partition("\n")[0].removeprefix("shoe.png: ")
    assert answer.startswith("not sure, perhaps ") == (max(shares) < 100 * SURE)
    assert answer.removeprefix("not sure, perhaps ").partition(", or ")[0] in likely
    assert main(["train", "--resume"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "is of another training: its digits has dataset 'FashionMNIST', not" in line


def test_network_of_the_full_set_is_not_measured_on_the_sample(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The test digits of the sample are training digits of the full set."""
    source = replace(load_digits().source, train=60_000, test=10_000, is_sample=False)
    trained_on(few(100)._replace(source=source))
    assert main(["evaluate"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "learned from the full 60,000/10,000 MNIST, which is not on disk" in line


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"dataset": "CIFAR"}, "no data set 'CIFAR': only MNIST, FashionMNIST"),
        ({"classes": ["a"]}, "names 1 classes"),
        ({"classes": 3}, "does not say what its network has learned"),
        ({"train": [3]}, "does not say what its network has learned"),
        ({"more": 3}, "does not say what its network has learned"),
    ],
    ids=str,
)
def test_network_of_a_set_that_nobody_knows(
    named: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_on(few(100))
    saved = checkpoint.load(MODEL)
    changed = saved.training | {"digits": saved.training["digits"] | named}
    MODEL.write_bytes(checkpoint.as_bytes(saved._replace(training=changed)))
    assert main(["evaluate"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
