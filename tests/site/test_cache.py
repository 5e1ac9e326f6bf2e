"""A page is run when its code, the package or the digits have changed, and only then."""

import re
from hashlib import md5
from pathlib import Path

from conftest import FRONT, make_project, mkdocs_build

FIRST = """
# First

Prose.

```python
from cnn_tutorial import answer

print("number", answer.ANSWER)
```
"""
SECOND = """
# Second

```python
import atexit
import os
import time

from cnn_tutorial.measurements import published

atexit.register(os.write, 2, b"noise of a kernel that ends")
print(len(published("recipes").runs))
time.time_ns()
```
"""
# An MNIST of three digits, which the copied package takes for the full one.
IDX_FILES = {
    "train-images-idx3-ubyte": bytes([0, 0, 8, 3, *[0] * 20]),
    "train-labels-idx1-ubyte": bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 0]),
    "t10k-images-idx3-ubyte": bytes([0, 0, 8, 3, *[0] * 16]),
    "t10k-labels-idx1-ubyte": bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]),
}


class Project:
    """Two executed pages in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        make_project(root, {"index.md": FRONT + FIRST, "second.md": FRONT + SECOND})
        self.write("cnn_tutorial/answer.py", "ANSWER = 41 + 1\n")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, encoding="utf-8")

    def build(self, **variables: str) -> set[str]:
        """Build, and return which pages were run."""
        build = mkdocs_build(self.root, **variables)
        assert build.returncode == 0, build.stdout
        assert "noise" not in build.stdout
        return set(re.findall(r"Running (\S+)", build.stdout))

    def first(self) -> str:
        return (self.root / "site" / "index.html").read_text(encoding="utf-8")

    def second(self) -> str:
        """Return what the second page printed: the time at which it was run."""
        html = (self.root / "site" / "second" / "index.html").read_text(encoding="utf-8")
        [time] = re.findall(r"\d{19}", html)
        return str(time)


def test_pages_are_run_when_they_must_be(tmp_path: Path) -> None:
    project = Project(tmp_path)
    both = {"index.md", "second.md"}
    nowhere = str(tmp_path / "nowhere")
    assert project.build(CNN_TUTORIAL_DATA=nowhere) == both
    assert "number 42" in project.first()
    assert "the bundled 8,000/2,000 sample" in project.first()
    time = project.second()

    # Prose is no reason, and a measurement is one for the page that reads it.
    project.write("docs/index.md", FRONT + FIRST.replace("Prose.", "New prose, $x$."))
    measured = tmp_path / "cnn_tutorial/measurements/recipes.json"
    measured.write_text(measured.read_text().replace('"date": "', '"date": "not '))
    assert project.build(CNN_TUTORIAL_DATA=nowhere) == {"second.md"}
    assert "New prose, <math>" in project.first()
    assert "number 42" in project.first()
    assert project.second() != time
    time = project.second()

    project.write("docs/index.md", FRONT + FIRST.replace('"number"', '"value"'))
    assert project.build(CNN_TUTORIAL_DATA=nowhere) == {"index.md"}
    assert "value 42" in project.first()
    assert project.second() == time

    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    with (tmp_path / "cnn_tutorial" / "datasets.py").open("a", encoding="utf-8") as module:
        for name, content in IDX_FILES.items():
            (raw / name).write_bytes(content)
            digest = md5(content).hexdigest()
            module.write(f"MNIST.files[{name!r}] = IdxFile({len(content)}, {digest!r}, 0, '')\n")
    project.write("cnn_tutorial/answer.py", "ANSWER = 43\n")
    assert project.build(CNN_TUTORIAL_DATA=nowhere) == both
    assert "value 43" in project.first()
    assert project.second() != time

    data = str(tmp_path / "data")
    assert project.build(CNN_TUTORIAL_DATA=data) == both
    assert "the full 2/1 MNIST" in project.first()
    time = project.second()

    [first] = [path for path in tmp_path.glob(".cache/*/*.json") if "value 43" in path.read_text()]
    first.write_text(first.read_text()[:99], encoding="utf-8")  # as a build that was killed does
    assert project.build(CNN_TUTORIAL_DATA=data) == {"index.md"}
    assert "value 43" in project.first()
    assert project.second() == time
