"""Makes a script of an executed page: its code in one file, under the headings of the page."""

import re
from collections.abc import Sequence
from typing import Any

from plain import ATTRIBUTES, FENCE, HEADING, LINK

SCRIPT = '''\
"""{title}: the code of {page}, as a script.

It imports cnn_tutorial. If that is missing: {install}
An editor that knows "# %%", such as VS Code, PyCharm or Spyder, runs it cell by cell and shows the
figures.
"""

{code}
'''
INSTALL = 'pip install "{}"'
MISSING = "pip install FOLDER_OR_WHEEL, a clone of its repository or its wheel."


def of_page(cells: Sequence[Any], address: str, source: str) -> str:
    """Return the script of a page.

    Args:
        cells: Of the page, prose and code.
        address: Of the page, or "" if the site has none.
        source: What pip installs the package from, or "" if that is not known.
    """
    title = ""
    headings: list[str] = []  # of the cell that comes next
    parts: list[str] = []
    for cell in cells:
        if cell.cell_type == "markdown":
            prose = re.sub(FENCE, "", cell.source, flags=re.MULTILINE)
            for heading in HEADING.finditer(prose):
                words = LINK.sub(r"\2", ATTRIBUTES.sub("", heading[2]))
                if title:
                    headings.append(words)
                title = title or words
        elif cell.source.strip():
            parts.append(f"# %% {': '.join(headings)}".rstrip() + f"\n{cell.source.strip()}")
            headings.clear()
    page = f"the page {address}" if address else "a page"
    install = INSTALL.format(source) if source else MISSING
    return SCRIPT.format(title=title, page=page, install=install, code="\n\n".join(parts))
