"""Colours: those of the drawings go into the style sheet, those of the themes into the drawings."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files

from cnn_tutorial.support import colors

SHEET = "assets/styles/site.css"
MEANINGS = ("input", "kernel", "output", "right", "wrong", "below", "above")


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Put the colours of the drawings in front of the style sheet."""
    sheet = files.get_file_from_path(SHEET)
    assert sheet
    values = "".join(f"--{name}:{getattr(colors, name.upper())};" for name in MEANINGS)
    sheet.content_string = f":root{{{values}}}\n{sheet.content_string}"


def themes() -> list[tuple[str, str]]:
    """Return the ink and the ground of the light and of the dark theme."""
    css = Path(__file__).parents[1].joinpath(SHEET).read_text(encoding="utf-8")
    inks, grounds = (re.findall(rf" --{name}: (#\w+);", css) for name in ("ink", "ground"))
    return list(zip(inks, grounds, strict=True))
