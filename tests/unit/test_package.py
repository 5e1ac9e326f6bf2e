"""The package alone: what it imports is what it asks for, and how long that takes."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "cnn_tutorial").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MODULES = {"pillow": "PIL"}  # whose name is not that of the distribution


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}


def test_it_imports_what_it_asks_for() -> None:
    """So a wheel works where the documentation and the tests are not installed."""
    asked = {re.split(r"\W", name)[0] for name in PROJECT["project"]["dependencies"]}
    asked = {MODULES.get(name, name) for name in asked}
    used = set.union(*map(imported, FILES)) - sys.stdlib_module_names - {"cnn_tutorial"}
    # cycler comes with matplotlib, and is a part of its interface; without onnx, as_onnx says so.
    assert used - {"cycler", "onnx"} <= asked
    assert asked - used == set()


def test_a_wheel_has_all_its_files() -> None:
    packages = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in FILES}
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    taken = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for path in (ROOT / package.replace(".", "/")).glob(glob)
    }
    there = {path for path in (ROOT / "cnn_tutorial").rglob("*.*") if path.is_file()}
    assert there - taken == {path for path in there if path.suffix in (".py", ".pyc")}


@pytest.mark.parametrize(
    "module", ["cnn_tutorial", "cnn_tutorial.recipes", "cnn_tutorial.support.find"]
)
def test_what_only_looks_up_does_without_torch(module: str) -> None:
    code = f"import sys, {module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
