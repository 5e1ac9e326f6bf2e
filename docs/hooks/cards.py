"""Draws what is shown of a page where someone links to it: its title over a row of feature maps."""

import io
import re
from pathlib import Path
from textwrap import wrap

from matplotlib import get_data_path
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from PIL import Image, ImageDraw, ImageFont
from serving import is_served

from cnn_tutorial.support.colors import INK, INPUT, OUTPUT

FONTS = Path(get_data_path(), "fonts/ttf")
SHEETS = ((1, 28), (6, 26), (6, 13), (16, 11), (16, 5))  # channels and sides, layer by layer


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Draw the card of a page, if the site has the address that a card needs."""
    if config.site_url and not is_served(config):
        page.meta["card"] = f"assets/cards/{page.file.src_uri.removesuffix('.md')}.png"
        title = re.sub("[`*]", "", page.title or config.site_name)
        description = page.meta.get("description", config.site_description)
        picture = draw(config.site_name, title, description)
        files.append(File.generated(config, page.meta["card"], content=picture))


def draw(site: str, title: str, description: str) -> bytes:
    """Return a card as PNG, 1200 by 630 pixels."""
    card = Image.new("RGB", (1200, 630), "white")
    pen = ImageDraw.Draw(card)

    def write(text: str, y: int, width: int, size: int, font: str, color: str) -> int:
        for line in wrap(text, width):
            pen.text((80, y), line, color, ImageFont.truetype(FONTS / font, size))
            y += size * 4 // 3
        return y

    write(site, 60, 60, 30, "DejaVuSans.ttf", INK)
    y = write(title, 120, 26, 64, "DejaVuSans-Bold.ttf", INK)
    write(description, y + 16, 54, 32, "DejaVuSans.ttf", INK)
    x = 80
    for number, (channels, side) in enumerate(SHEETS):
        for sheet in range(channels):
            corner = x + 8 * sheet, 590 - 4 * side - 4 * (channels - sheet)
            far = corner[0] + 4 * side, corner[1] + 4 * side
            pen.rectangle((corner, far), "white", OUTPUT if number else INPUT, 3)
        x += 4 * side + 8 * channels + 48
    file = io.BytesIO()
    card.quantize(32).save(file, "PNG", optimize=True)
    return file.getvalue()
