"""A mistake on a page fails the build, and the build says where the mistake is."""

import os
from pathlib import Path

import pytest
from conftest import FRONT, make_project, mkdocs_build

FAILING = """
# Fails

```python
x = 0
```

```python
print("as before")
```

```python
def divide(numerator, denominator):
    return numerator / denominator

x = 0
divide(1, x)
```

```python
print("never")
```
"""
LONG = "\n".join(
    ["import asyncio", *["asyncio.sleep"] * 30, "raise asyncio.QueueFull('hint: less\\n' * 9)"]
)
CELL = "```python\n{}\n```\n"


def build(root: Path, pages: dict[str, str], **variables: str) -> list[str]:
    """Build pages that hold a mistake, and return what the build said."""
    make_project(root, pages)
    failed = mkdocs_build(root, **variables)
    assert failed.returncode != 0, failed.stdout
    return failed.stdout.splitlines()


def complaint(log: list[str]) -> list[str]:
    """Return what is said after the last line of progress."""
    last = max(number for number, line in enumerate(log) if line.startswith("INFO"))
    return [line for line in log[last + 1 :] if line]


def test_failing_cell(tmp_path: Path) -> None:
    pages = {"index.md": "# Home\n", "fails.md": FRONT + FAILING}
    said = complaint(build(tmp_path, pages))
    assert len(said) <= 15
    text = "\n".join(said)
    assert "fails.md" in said[0]
    assert "cell 3 " in said[0]
    assert "    return numerator / denominator" in said
    assert "divide(1, x)" in said
    assert "ZeroDivisionError: division by zero" in text
    assert not [line for line in said if "as before" in line or "never" in line]
    for folder in (tmp_path, Path(os.__file__).parent, "site-packages", "ipykernel"):
        assert str(folder) not in text
    assert not list((tmp_path / ".cache").rglob("*.json"))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("assert 6 * 9 == 42", "AssertionError"),
        ("import json\njson.loads('[')", "JSONDecodeError: Expecting value"),
        (LONG, "QueueFull: hint: less"),
        ("1 +", "SyntaxError: invalid syntax"),
    ],
    ids=["assertion", "library", "long", "syntax"],
)
def test_failures_are_short_and_name_the_exception(
    tmp_path: Path, code: str, expected: str
) -> None:
    pages = {"index.md": FRONT + "# Fails\n\n" + CELL.format(code)}
    said = complaint(build(tmp_path, pages))
    assert len(said) <= 15
    assert "index.md" in said[0]
    assert "cell 1 " in said[0]
    assert code.splitlines()[0] in said
    # The exception stands after the source.
    assert expected in "\n".join(said)
    assert str(tmp_path) not in "\n".join(said)


def test_warnings_fail_the_build(tmp_path: Path) -> None:
    figure = "class F:\n    def _repr_svg_(self):\n        return '<svg></svg>'\n\nF()"
    pages = {
        "index.md": "# Home\n\n## There\n",
        "alt.md": FRONT + "# Alt\n\n" + CELL.format(figure),
        "stderr.md": FRONT + "# Stderr\n\n" + CELL.format("import warnings\nwarnings.warn('old')"),
        "formula.md": FRONT + "# Formula\n\n$\\frac{1$\n\n" + CELL.format("1"),
        "link.md": FRONT + "# Link\n\n[gone](gone.md)\n\n" + CELL.format("2"),
        "anchor.md": FRONT + "# Anchor\n\n[gone](index.md#gone)\n\n" + CELL.format("3"),
        "reference.md": FRONT + "# Reference\n\n[gone][cnn_tutorial.gone]\n\n" + CELL.format("4"),
    }
    log = build(tmp_path, pages)
    warnings = [line for line in log if line.startswith("WARNING")]
    for page, words in {
        "alt.md": "no alt text",
        "stderr.md": "stderr",
        "formula.md": "frac",
        "link.md": "gone.md",
        "anchor.md": "#gone",
        "reference.md": "cnn_tutorial.gone",
    }.items():
        assert [line for line in warnings if page in line and words in line], (page, log)
    assert len(warnings) == 6
    assert any("strict mode" in line for line in log)


def test_corrupt_digits(tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"not an image")
    pages = {"index.md": FRONT + "# Home\n\n" + CELL.format("1")}
    said = build(tmp_path, pages, CNN_TUTORIAL_DATA=str(tmp_path / "data"))
    assert any(
        "train-images-idx3-ubyte" in line and "cnn-tutorial download" in line for line in said
    )
    assert not any("Traceback" in line for line in said)


def test_pages_before_a_failure_are_kept(tmp_path: Path) -> None:
    pages = {"index.md": FRONT + "# Home\n\n" + CELL.format("1"), "fails.md": FRONT + FAILING}
    build(tmp_path, pages)
    (tmp_path / "docs" / "fails.md").write_text(FRONT + "# Mended\n\n" + CELL.format("2"))
    again = mkdocs_build(tmp_path)
    assert again.returncode == 0, again.stdout
    assert "Running fails.md" in again.stdout
    assert "Running index.md" not in again.stdout
