"""What the outputs of a page become: Markdown, HTML, and the files of figures."""

import html
import io
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Any

import colors
from mkdocs.plugins import get_plugin_logger
from PIL import Image

from cnn_tutorial.support.colors import GROUND

log = get_plugin_logger("outputs")
# A page names each drawing twice, with the fragments by which Material hides one of them in each
# theme; inside the file, the fragment is the :target that selects the ink.
SVG_HEAD = (
    '<svg id="only-dark"{}><style>svg{{color:{};--ground:{}}}'
    "svg:target{{color:{};--ground:{}}}</style>"
)
# A desk, with room for the wider of two drawings, and where the page has the other one.
DESK = "(min-width:46em)"
DRAWING = re.compile(r'<img [^>]*?src="([^"]*/|)(figure-\d+\.svg)(#\w+-\w+)"[^>]*>')
TEXT = '<div class="language-text output no-copy highlight"><pre><code>{}\n</code></pre></div>'
# Escape sequences of terminals: those that set a look, and what else is not to be seen.
SGR = re.compile(r"\x1b\[([\d;]*)m")
UNSEEN = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-ln-~]|[\x00-\x08\x0b-\x1a\x1c-\x1f]"
)
LOOKS = {
    "1": ("weight", "bold"),
    "22": ("weight", ""),
    "4": ("line", "underline"),
    "24": ("line", ""),
}
LOOKS |= {
    f"{first}{number}": ("color", name)
    for first in (3, 9)  # ordinary and bright; black, white and the usual are the ink of the page
    for number, name in enumerate(
        ["", "red", "green", "yellow", "blue", "magenta", "cyan", "", "", ""]
    )
}
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
PYTHON_FENCE = re.compile(r"^(`{3,}) *python *$", re.MULTILINE)
# Of the kinds that an output has at once, the first of these is shown.
KINDS = (
    "application/vnd.jupyter.widget-view+json",
    "application/javascript",
    "image/svg+xml",
    "text/html",
    "text/markdown",
    "text/latex",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/json",
    "text/plain",
)


class Outputs:
    """The outputs of one page.

    Attributes:
        files: Content of each file that the page needs, by its path from the folder of the page.
        blocks: HTML that the page shows as it is, where Markdown has the mark that `_keep` returns.
        sources: Names and sizes of the drawings for a desk, by the names of those for a phone.
        questions: By the words of each question, what its wrong answers come from.
    """

    def __init__(self, page: str) -> None:
        self.page = page
        self.files: dict[str, bytes | str] = {}
        self.blocks: list[str] = []
        self.sources: dict[str, str] = {}
        self.questions: dict[str, dict[str, str]] = {}

    def ask(self, outputs: Sequence[Any], number: int, code: str) -> list[str]:
        """Return Markdown for a question, with the code of its cell in the answer."""
        shown = self.show(outputs, number)
        if len(shown) != 1 or "<predict-check>" not in self.blocks[-1]:
            self._warn("is tagged as a question: let it end with one, and show nothing else")
            return [code, *shown]
        about = outputs[0].metadata["text/html"]
        self.questions[about["label"]] = about["mistakes"]
        self.files["questions.json"] = json.dumps(self.questions, ensure_ascii=False)
        head, end, tail = self.blocks.pop().rpartition("</details>")
        return [self._keep(head), code, self._keep(end + tail)]

    def show(self, outputs: Iterable[Any], number: int, narrow: bool = False) -> list[str]:
        """Return Markdown for each output of a code cell; what cannot be shown is a warning.

        Args:
            outputs: As Jupyter stores them.
            number: Of the cell.
            narrow: Whether figures stand in a narrow column of the page, also at a desk.
        """
        self.narrow = narrow
        self.where = f"{self.page}, code cell {number}"
        shown = [self._show(output) for output in joined(outputs)]
        return [markdown for markdown in shown if markdown]

    def fill(self, content: str) -> str:
        """Put HTML that Markdown cannot say into the page that MkDocs has made of it."""
        mark = r'<div data-output="(\d+)"></div>'
        content = re.sub(mark, lambda found: self.blocks[int(found[1])], content)

        def with_source(found: re.Match[str]) -> str:
            folder, name, theme = found.groups()
            if name not in self.sources:
                return found[0]
            wide = f'<source media="{DESK}" srcset="{folder}{self.sources[name].format(theme)}>'
            return f"<picture>{wide}{found[0]}</picture>"

        return DRAWING.sub(with_source, content)

    def _show(self, output: Any) -> str:
        if output.output_type == "error":
            return self._text(f"{output.ename}: {output.evalue}")
        if output.output_type == "stream":
            if output.name == "stdout":
                return self._text(output.text)
            self._warn(
                f"wrote to stderr, which no reader sees: {output.text.strip()[-300:]!r}. Mend what "
                "it warns of; a progress bar of tqdm is silent with disable=None"
            )
            return ""
        kind = next((kind for kind in KINDS if kind in output.data), "")
        content = output.data.get(kind, "")
        if kind.startswith("image/"):
            return self._figure(kind, content, output.metadata.get(kind, {}))
        match kind:
            case "text/plain":
                return self._text(content)
            case "application/json":
                return self._text(json.dumps(content, indent=2, ensure_ascii=False))
            case "text/markdown":
                # Code that was printed is told from code that was run.
                return PYTHON_FENCE.sub(r"\1 { .python .printed }", content)
            case "text/latex":
                return self._keep(f'<div class="output">{formulas(content)}</div>')
            case "text/html":
                if problem := stopped(content):
                    self._warn(f"shows HTML {problem}")
                is_question = content.startswith("<predict-check>")
                return self._keep(
                    content if is_question else f'<div class="output">{content}</div>'
                )
        if output.data:
            self._warn(
                f"shows {kind or ', '.join(output.data)}, which needs more than a page: print what "
                "it holds, or draw it with cnn_tutorial.plots"
            )
        return ""

    def _text(self, text: str) -> str:
        return self._keep(TEXT.format(colored(text.rstrip()))) if text.strip() else ""

    def _figure(self, kind: str, content: str, about: Any) -> str:
        alt = about.get("alt")
        if not alt:
            self._warn(
                "shows a figure without alt text. Draw it with cnn_tutorial.plots, or show it by "
                "cnn_tutorial.support.drawing.Described(figure, alt) or IPython's Image(…, alt=…)"
            )
            return ""
        data: bytes | str
        name = f"figure-{len(self.files)}"
        values, element = about.get("values"), about.get("element", "")
        for file, packed in about.get("files", {}).items():
            self.files[file] = b64decode(packed)
        if kind == "image/svg+xml":
            suffix, themes = "svg", ["#only-light", "#only-dark"]
            if small := about.get("narrow"):
                if not self.narrow:
                    wide, size = themed(content)[0], (about["width"], about["height"])
                    self.files[f"{name}-wide.svg"] = wide
                    self.sources[f"{name}.svg"] = (
                        f'{name}-wide.svg{{}}" width="{size[0]}" height="{size[1]}"'
                    )
                content, about = small["svg"], small
            data, (width, height) = themed(content)
        else:
            suffix, themes = kind.removeprefix("image/"), [""]
            data = b64decode(content)
            width, height = Image.open(io.BytesIO(data)).size
        name = f"{name}.{suffix}"
        self.files[name] = data
        link = f"{PurePosixPath(self.page).stem}/{name}"
        width, height = about.get("width", width), about.get("height", height)
        sized = f"{{ width={round(float(width))} height={round(float(height))} loading=lazy }}"
        alt = re.sub(r"([][\\`*_<])", r"\\\1", " ".join(alt.split()))
        images = [f"![{alt}]({link}{theme}){sized}" for theme in themes]
        if values:  # where scripts run, readers step on from here
            self.files[f"{PurePosixPath(name).stem}.json"] = json.dumps(values)
            element = "conv-stepper"
        if element:
            images = [f"<{element}>", *images, f"</{element.partition(' ')[0]}>"]
        return "\n".join(['<figure markdown="span">', *images, "</figure>"])

    def _keep(self, block: str) -> str:
        self.blocks.append(block)
        return f'<div data-output="{len(self.blocks) - 1}"></div>'

    def _warn(self, problem: str) -> None:
        log.warning("%s %s", self.where, problem)


made: dict[str, Outputs] = {}  # of the page that is being built


def themed(svg: str) -> tuple[str, tuple[float, float]]:
    """Let a drawing have the colours of both themes, and find its size."""
    _, attributes, rest = re.split("<svg([^>]*)>", svg, maxsplit=1)
    attributes = re.sub(' style="[^"]*"', "", attributes)
    light, dark = colors.themes()
    data = SVG_HEAD.format(attributes, *light, *dark) + rest.replace(GROUND, "var(--ground)")
    size = re.search(r'viewBox="\S+ \S+ ([\d.]+) ([\d.]+)"', attributes)
    width, height = map(float, size.groups()) if size else (400.0, 300.0)
    return data, (width, height)


def joined(outputs: Iterable[Any]) -> list[Any]:
    """Join what went to one stream in pieces, and keep of each line what a terminal would show."""
    whole: list[Any] = []
    for output in outputs:
        if whole and output.get("name") and output.get("name") == whole[-1].get("name"):
            whole[-1].text += output.text
        else:
            whole.append(output.copy())
    for output in whole:
        if output.output_type == "stream":
            lines = output.text.split("\n")
            output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return whole


def colored(text: str) -> str:
    """Make HTML of text for a terminal: bold, underlined, in the colours that have a name."""
    first, *rest = SGR.split(UNSEEN.sub("", html.escape(text, quote=False)))
    shown, look = [first], dict[str, str]()
    for codes, piece in zip(rest[::2], rest[1::2], strict=True):
        for code in codes.split(";"):
            if code in ("", "0"):
                look.clear()
            elif code in ("38", "48"):
                break  # one colour of millions: its numbers follow
            elif code in LOOKS:
                look[LOOKS[code][0]] = LOOKS[code][1]
        names = " ".join(f"ansi-{name}" for name in look.values() if name)
        shown.append(f'<span class="{names}">{piece}</span>' if names and piece else piece)
    return "".join(shown).replace("\x1b", "")


def formulas(latex: str) -> str:
    """Mark LaTeX as the prose's formulas are: all of it, or what stands between dollar signs."""
    whole = FORMULA.fullmatch(latex.strip())
    if whole or "$" not in latex:
        formula = html.escape(whole[1] or whole[2] if whole else latex.strip())
        return f'<div class="arithmatex">\\[{formula}\\]</div>'
    parts = FORMULA.split(latex)  # text, then what $$ and $ hold, one of them None, and so on
    marked = [html.escape(text) for text in parts[::3]]
    for number, (display, inline) in enumerate(zip(parts[1::3], parts[2::3], strict=True)):
        formula = html.escape(display or inline)
        marked[number] += f'<span class="arithmatex">\\({formula}\\)</span>'
    return f"<p>{''.join(marked)}</p>"


class _Stopped(HTMLParser):
    """Looks for what the policy of the published site does not let HTML do."""

    TAGS = ("script", "style", "link", "iframe", "object", "embed", "audio", "video", "form")

    def __init__(self) -> None:
        super().__init__()
        self.problem = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        mine = [name for name in names if name == "style" or name.startswith("on")]
        source = names.get("src") or ""
        if tag in self.TAGS:
            self.problem = f"with <{tag}>"
        elif mine:
            self.problem = f'with <{tag} {mine[0]}="…">'
        elif "//" in source.partition("?")[0] and not source.startswith("data:image/"):
            self.problem = f"that loads {source[:99]}"
        elif tag == "img" and not names.get("alt"):
            self.problem = "with an image without alt text"


def stopped(content: str) -> str:
    """Say what in HTML the published site would not show, or return an empty text."""
    parser = _Stopped()
    parser.feed(content)
    if not parser.problem or "alt text" in parser.problem:
        return parser.problem
    return (
        f"{parser.problem}, which the policy of the published site stops, although `mkdocs serve` "
        "shows it. Use tags without styles, or print text"
    )
