"""What a drawing is: a figure with its alt text, in the colours of `support.colors`.

Values are grey from black (lowest) to white (highest), on light pages and on dark ones. Where some
are negative, blue is below zero and red above it, the stronger the further; zero has the colour of
the ground.
"""

import functools
import io
import re
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

import torch
from cycler import cycler
from matplotlib import figure, rcParams, style
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from torch import Tensor

from cnn_tutorial.support.colors import ABOVE, BELOW, GROUND, INK

SVG = "image/svg+xml"
FINE = (INK, 0.3)  # of outlines
# The column of text at a desk, and on a phone: there the text of a wider one would be too small.
WIDE, NARROW = 680, 412
LINE = 22  # height of a line of text
GAP = 10  # between neighbours
SIGNED = LinearSegmentedColormap.from_list(
    "signed", [(0, BELOW), (0.5, BELOW + "00"), (0.5, ABOVE + "00"), (1, ABOVE)], N=255
)
# None has a meaning. The dashes tell them apart without colour.
CYCLE = cycler("color", [INK, "#959389", "#c239c5", "#5a7348"]) + cycler(
    "linestyle", ["-", "--", "-.", ":"]
)
FONTS = "DejaVu Sans, system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial"
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    # The first lays out: it is everywhere and wide, so the browser's font, one of the others, fits.
    "font.sans-serif": FONTS.split(", "),
    "font.size": 14,  # CSS pixels, as all sizes here
    "figure.dpi": 72,
    "savefig.dpi": "figure",
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.linewidth": 1,
    "axes.prop_cycle": CYCLE,
    "lines.linewidth": 2,
    "patch.linewidth": 2,
    "legend.frameon": False,
    "legend.columnspacing": 1,
    "legend.handlelength": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "cnn_tutorial",  # the same file each time
}

P = ParamSpec("P")
Box = tuple[int, int, int, int]
"""Row, column, height and width of a region of a matrix."""

Bundle = tuple[dict[str, str], dict[str, dict[str, Any]]]
"""What Jupyter shows of a value, by kind, and what it says about each kind."""


class Drawing(figure.Figure):
    """A figure that notebooks show as SVG. Lengths are CSS pixels, the origin is at the top left.

    Attributes:
        alt: What is seen, in words.
        narrow: The same for a phone, where it is laid out anew.
        values: The numbers that it shows, if a page can make more of them than a picture.
    """

    narrow: "Drawing | None" = None
    values: dict[str, Any] | None = None

    def __init__(self, alt: str = "") -> None:
        """Make an empty drawing."""
        super().__init__(dpi=72)
        self.alt = alt
        self.page = self.add_axes((0, 0, 1, 1))
        self.page.set_axis_off()

    def fit(self, width: float, height: float) -> None:
        """Make it as large as the drawing, with a margin of a pixel for the halves of lines."""
        self.set_size_inches((width + 2) / 72, (height + 2) / 72)
        self.page.set(xlim=(-1, width + 1), ylim=(height + 1, -1))

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text, centred at a point unless the style says otherwise."""
        self.page.text(x, y, text, **({"ha": "center", "va": "center"} | style))

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draw a rectangle, without filling unless the style says otherwise."""
        self.page.add_patch(Rectangle((x, y), width, height, **({"fill": False} | style)))

    def arrow(self, tail: tuple[float, float], tip: tuple[float, float], color: str) -> None:
        """Draw an arrow."""
        look = {"arrowstyle": "->", "color": color, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
        self.page.annotate("", tip, tail, arrowprops=look)

    def paint(
        self,
        place: tuple[float, float, float, float],
        matrix: Tensor,
        low: float,
        high: float,
        edge: Any = FINE,
    ) -> None:
        """Paint a matrix (H, W), or colours (H, W, 3), at left, top, width, height, outlined."""
        left, top, width, height = place
        self.box(*place, fill=True, fc=GROUND, lw=0)
        limit = max(-low, high)
        self.page.imshow(
            matrix.detach().cpu().numpy(),
            cmap=SIGNED if low < 0 else "gray",
            vmin=-limit if low < 0 else low,
            vmax=limit if low < 0 else high,
            extent=(left, left + width, top + height, top),
            interpolation="none",
            aspect="auto",
            zorder=1,  # that of boxes, so that what is drawn later covers what is below
        )
        self.box(*place, ec=edge, lw=1)

    def color_bar(self, top: float, low: float, high: float, what: str) -> None:
        """Show at the bottom which colour is which value, and say it too.

        Args:
            top: Where the bar begins.
            low: The lowest of all values that are painted.
            high: The highest.
            what: What they are.
        """
        left, across = 22, 200  # the first number has its middle at the left end
        self.paint((left, top, across, 12), torch.linspace(low, high, 101)[None], low, high)
        zero = [0.0] if min(-low, high) > 0.2 * (high - low) else []  # where it has room
        for value in (low, *zero, high):
            x = left + across * (value - low) / (high - low or 1)
            self.write(x, top + 12 + LINE / 2, f"{value:.3g}".replace("-", "−"))
        self.write(left + across + GAP, top + 6, what, ha="left")
        right = max(self.page.get_xlim()[1] - 1, left + across + GAP + measure(what))
        self.fit(right, top + 12 + LINE)
        colors = "blue below 0 and red above" if low < 0 else "black to white"
        self.alt += f"; a bar of the colours of {what}, {colors}, from {low:.2f} to {high:.2f}"

    def _repr_mimebundle_(self, **_: object) -> Bundle:
        """Return the SVG and, as its metadata, the alt text, the size, and the narrow drawing."""
        svg = _svg(self).replace(INK, "currentColor")
        svg = svg.replace("'DejaVu Sans', 'system-ui', '-apple-system'", "system-ui, -apple-system")
        svg = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', svg, count=2)
        shown, about = _bundle(svg, self.alt, self.bbox.width, self.bbox.height)
        if self.narrow:
            small, said = self.narrow._repr_mimebundle_()
            if small != shown:
                about[SVG]["narrow"] = said[SVG] | {"svg": small[SVG]}
            if self.values:
                about[SVG]["values"] = self.values
        return shown, about


def drawn(draw: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """Have a function draw twice, within the two values of `width`, and return the wide drawing."""

    @functools.wraps(draw)
    def twice(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        narrow, wide = (
            style.context([STYLE, {"figure.figsize": (room / 72, 1)}])(draw)(*args, **kwargs)
            for room in (NARROW, WIDE)
        )
        wide.narrow = narrow
        return wide

    return twice


def width() -> float:
    """Return how wide the drawing that is being made may be."""
    return float(72 * rcParams["figure.figsize"][0])


class Described:
    """Any figure of Matplotlib with its alt text, shown as a drawing is: as SVG.

    Black takes the colour of the text around it; white becomes `GROUND`. It stands last in its
    cell:

    ```{ .python .not-run }
    fig, ax = plt.subplots()
    ax.plot(losses)
    drawing.Described(fig, "The loss falls from 2.3 to 0.1 in three epochs")
    ```

    Args:
        figure: The figure. It is closed, or else Jupyter would show it once more.
        alt: What is seen, in words.

    Raises:
        ValueError: There is no alt text.
    """

    def __init__(self, figure: figure.Figure, alt: str) -> None:
        """Take a figure, and close it."""
        if not alt.strip():
            raise ValueError("A figure needs an alt text: say in a sentence what is seen.")
        self.figure, self.alt = figure, alt
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close(figure)

    def _repr_mimebundle_(self, **_: object) -> Bundle:
        """Return the SVG and, as its metadata, the alt text and the size in CSS pixels."""
        # What Matplotlib draws in black it leaves without a colour, or writes as #000000.
        svg = _svg(self.figure).replace("<svg ", '<svg fill="currentColor" ', 1)
        svg = svg.replace("#000000", "currentColor").replace("#ffffff", GROUND)
        width, height = 96 * self.figure.get_size_inches()
        return _bundle(svg, self.alt, width, height)


class Interactive:
    """A drawing in whose place the site has something to play with, where scripts run.

    Notebooks show the drawing.

    Args:
        drawing: The drawing.
        element: The name of the element that takes its place, and its attributes.
        files: What the element reads, by names that are put into the folder of the page.
    """

    def __init__(self, drawing: Drawing, element: str, files: Mapping[str, bytes]) -> None:
        """Take a drawing."""
        self.drawing, self.element, self.files = drawing, element, files

    def _repr_mimebundle_(self, **_: object) -> Bundle:
        """Return what the drawing does, with the element and the files in its metadata."""
        shown, about = self.drawing._repr_mimebundle_()
        files = {name: b64encode(content).decode() for name, content in self.files.items()}
        about[SVG] |= {"element": self.element, "files": files}
        return shown, about


def _svg(figure: figure.Figure) -> str:
    file = io.StringIO()
    with style.context(STYLE):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    return svg[svg.index("<svg") :]


def _bundle(svg: str, alt: str, width: float, height: float) -> Bundle:
    # Notebooks show it as an image, which has the colours of no page, on grounds light and dark.
    svg = svg.replace("<svg ", f'<svg style="color:{INK};background:{GROUND}" ', 1)
    about: dict[str, Any] = {"alt": alt, "width": round(width), "height": round(height)}
    return {SVG: svg}, {SVG: about}


@functools.cache
def measure(text: str) -> float:
    """Return the width of a line of text of the drawing that is being made."""
    return float(TextPath((0, 0), text, size=rcParams["font.size"]).get_extents().width)
