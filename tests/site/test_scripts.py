"""The code of a page, block after block, runs as a script, and its comments on shapes hold."""

import multiprocessing
import os
import runpy
import sys
from pathlib import Path

import pytest
from conftest import EXECUTED, Site, with_shapes_asserted

# Each script has a process of its own, forked from one that has imported torch already.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["torch", "torchvision"])


def run(script: Path, root: Path) -> None:
    """Run a file as `python` does in its folder, with the package from a root."""
    os.chdir(script.parent)
    with script.with_suffix(".stderr").open("wb") as stderr:
        os.dup2(stderr.fileno(), 2)
    sys.path[:0] = [str(script.parent), str(root)]
    sys.argv = [script.name]
    runpy.run_path(script.name, run_name="__main__")


@pytest.mark.parametrize("name", EXECUTED)
def test_code_of_a_page_runs_as_a_script(site: Site, tmp_path: Path, name: str) -> None:
    script = tmp_path / "script.py"
    cells = map(with_shapes_asserted, site.cells(name))
    script.write_text("\n\n".join(cells), encoding="utf-8")
    process = processes.Process(target=run, args=(script, site.root))
    process.start()
    try:
        process.join(300)
        said = script.with_suffix(".stderr").read_text(encoding="utf-8")
        assert process.exitcode == 0, said
        assert not said
    finally:
        process.kill()
        process.join()


def test_comments_on_shapes_are_asserted() -> None:
    code = """
def f(x):
    y = [
        x
    ]  # (N, 3), in "é"
    return y
"é"; z = 5  # (1,)
a, b = 1, 2  # (4,)
z = [f(y) for y in x]  # (6, 7)
print(z)  # (5, 5)
"""
    asserted = with_shapes_asserted(code).splitlines()
    check = "_shape = getattr({}, 'shape', {}); assert len(_shape) == {} and _shape[{}] == {}"
    assert asserted[5] == "    " + check.format("y", "y", 2, 1, 3) + '  #, in "é"'
    assert check.format("z", "z", 1, 0, 1) in asserted[8]
    assert check.format("z[0]", "z[0]", 2, 0, 6) + " and _shape[1] == 7" in asserted[11]
    assert [asserted[9], asserted[12]] == ["a, b = 1, 2  # (4,)", "print(z)  # (5, 5)"]
