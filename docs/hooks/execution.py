"""What is run of a page, and how: its blocks of Python, in their order, in one kernel."""

import os
import re
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.kernelspec import NoSuchKernel
from jupytext.cell_metadata import text_to_metadata
from mkdocs.exceptions import BuildError
from mkdocs.utils.meta import get_data
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

# Without these, a kernel warns of its open ports, and an error comes with local paths and colours.
KERNEL = ["--log-level=ERROR", "--InteractiveShell.xmode=Minimal", "--colors=nocolor"]
# The build says once which digits are used; no page has to say it again.
KERNEL += ["--IPKernelApp.exec_lines=__import__('logging').getLogger('cnn_tutorial').setLevel(40)"]
OPENING = re.compile(r"(?P<marks>`{3,}|~{3,}) *(?P<info>[^`]*)$|\s*<!--(?!.*-->)")
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}(?=>)")  # of an object, another one in each build
PYTHON = re.compile(r"python(?=\s|$)")


@cache
def read(path: str) -> Any:
    """Read a page as a notebook: its front matter as MkDocs reads it, its prose, its code."""
    text, front = get_data(Path(path).read_text(encoding="utf-8-sig"))
    return new_notebook(cells=split(text), metadata=front.get("jupyter", {}))


def split(text: str) -> list[Any]:
    """Split Markdown into cells at the blocks that are run.

    These begin with ```` ```python ```` at the left margin, which metadata may follow, such as
    `tags=["fold"]`. All else is prose: other languages, blocks in blocks, what is commented out.
    """
    cells: list[Any] = []
    part: list[str] = []  # the lines of the cell that is being read
    metadata = None  # of the cell, if it is code
    end = ""  # of the block that is open

    def finish() -> None:
        source, number = "\n".join(part).strip("\n"), f"cell-{len(cells)}"
        if metadata is not None:
            cells.append(new_code_cell(source, metadata=metadata, id=number))
        elif source:
            cells.append(new_markdown_cell(source, id=number))
        part.clear()

    for line in text.splitlines():
        if not end and (opening := OPENING.match(line)):
            end = opening["marks"] or "-->"
            if opening["marks"] and PYTHON.match(opening["info"]):
                finish()
                metadata = text_to_metadata(opening["info"])[1]
                continue
        elif end and (end in line if end == "-->" else re.fullmatch(f"{end}+ *", line)):
            end = ""
            if metadata is not None:
                finish()
                metadata = None
                continue
        part.append(line)
    finish()
    return cells


def code_cells(notebook: Any) -> list[Any]:
    """Return the cells of a notebook that are code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook: Any, name: str) -> Any:
    """Run the code of a page.

    Args:
        notebook: What `read` returns; it stays as it is.
        name: What to call the page in messages.

    Returns:
        A notebook of the code cells with their outputs.

    Raises:
        BuildError: A cell failed, is not Python, or there is no such kernel, or it died.
    """
    cells = code_cells(notebook)
    for number, cell in enumerate(cells, 1):
        if _is_for_ipython(cell.source):
            what = "holds what only IPython understands (a line with %, ! or ?)"
            raise BuildError(_message(name, number, cell, f"{what}; pages run plain Python."))
    copy = deepcopy(new_notebook(cells=cells, metadata=notebook.metadata))
    if not cells:
        return copy
    client = NotebookClient(copy, extra_arguments=KERNEL)
    started: list[Any] = []
    client.on_cell_start = lambda cell, cell_index: started.append(cell)
    # The name of a socket has at most about 100 bytes, which a long TMPDIR would exceed.
    place = None if len(os.fsencode(gettempdir())) < 60 else "/tmp"
    try:
        with TemporaryDirectory(dir=place) as folder:
            if sys.platform != "win32":  # of free ports, another build may take those found here
                client.config.KernelManager.transport = "ipc"
                client.config.KernelManager.ip = f"{folder}/kernel"
            # What a kernel itself says while it ends is no page's; what cells say comes otherwise.
            client.execute(stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        said = [f"{error.ename}: {error.evalue}"] if error.evalue else [error.ename]
        said = re.sub(r"\(\d+\.py, (line \d+)\)", r"(\1)", said[0]).splitlines()
        said = said if len(said) < 5 else said[:2] + said[-2:]
        problem = _message(name, len(started), started[-1], "failed:")
        raise BuildError("\n".join([problem, *said])) from None
    except NoSuchKernel as error:
        raise BuildError(
            f"{name}: its front matter asks for the kernel {error.name!r}, which is not here. The "
            "pages run with python3; `jupyter kernelspec list` names all that are here."
        ) from None
    except RuntimeError as error:
        if started:
            problem = "ended its kernel: it left Python, was killed, or ran out of memory."
            raise BuildError(_message(name, len(started), started[-1], problem)) from None
        raise BuildError(f"{name}: the kernel did not start: {error}") from None
    for output in (output for cell in copy.cells for output in cell.outputs):
        part, kind = (
            (output, "text") if "text" in output else (output.get("data", {}), "text/plain")
        )
        if kind in part:
            part[kind] = ADDRESS.sub("", part[kind])
    return copy


def _is_for_ipython(source: str) -> bool:
    try:
        return "get_ipython()" in TransformerManager().transform_cell(source) != source
    except SyntaxError:  # which the kernel will say, with the page and the cell
        return False


def _message(name: str, number: int, cell: Any, problem: str) -> str:
    return "\n".join([f"{name}: code cell {number} {problem}", *cell.source.splitlines()[:9]])
