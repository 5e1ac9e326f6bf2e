"""What is said before pages are run, so that nobody has to wait for it."""

import socket
import time
from pathlib import Path

import pytest
from conftest import FRONT, make_project, mkdocs_build, run_module

PAGE = f"""{FRONT}# Page

```python
from cnn_tutorial.data import load_digits

print(load_digits().source)
```
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_project(tmp_path, {"index.md": PAGE})
    return tmp_path


def serve(project: Path, place: str) -> str:
    """Serve the site where that cannot be done, and return what is said."""
    failed = run_module(project, "mkdocs", "serve", "--dev-addr", place)
    assert failed.returncode == 1
    for unwanted in ("Running", "Traceback", "Errno"):
        assert unwanted not in failed.stdout
    [line] = [line for line in failed.stdout.splitlines() if line.startswith("ERROR")]
    print(line)
    return line


def test_port_in_use(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        start = time.monotonic()
        said = serve(project, place)
        print(f"said after {time.monotonic() - start:.1f} s")
    assert f"cannot be served at {place}: another program uses that port, perhaps another" in said
    assert "for example by: mkdocs serve --dev-addr 127.0.0.1:" in said


def test_port_that_there_is_not(project: Path) -> None:
    assert "There is no port 99999: they go from 0 to 65535." in serve(project, "127.0.0.1:99999")


def test_data_that_are_not_where_the_variable_says(project: Path) -> None:
    """The sample is used, and whoever builds is told; pages that load it are as ever."""
    (project / "data").mkdir()
    built = mkdocs_build(project, CNN_TUTORIAL_DATA=str(project / "dta"))
    assert built.returncode == 0, built.stdout
    before, _, after = built.stdout.partition("Running index.md")
    expected = f"CNN_TUTORIAL_DATA names {project / 'dta'}; there is no folder {project / 'dta'}"
    assert f"{expected}, but there is {project / 'data'}" in before
    assert "CNN_TUTORIAL_DATA" not in after
    assert "the bundled 8,000/2,000 sample" in (project / "site/index.html").read_text("utf-8")
