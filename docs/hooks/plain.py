"""Makes plain Markdown, which Jupyter, VS Code and Colab show, of Material's."""

import re
from collections.abc import Callable, Iterator
from textwrap import indent

from markdown.extensions.toc import slugify, unique

FENCE = (
    r"(?P<fence>^ *(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)"
    r"(?P<body>\n(?s:.*?)^ *(?P=marks)[`~]* *)$)"
)
# What no rule below may change: code and formulas. Comments are left out.
KEPT = re.compile(
    rf"{FENCE}|(?P<comment><!--(?s:.*?)-->)"
    r"|(?P<ticks>`+)(?!`)(?:(?!\n\n)(?s:.))+?(?<!`)(?P=ticks)(?!`)"
    r"|\$\$(?s:.+?)\$\$|\$(?=[^\s$])[^$]*?[^\s$]\$",
    re.MULTILINE,
)
MARK = re.compile("\x00(\\d+)\x00")  # where something kept stands
# A note, a folded one, or a tab, with what is indented below it.
BLOCK = re.compile(
    rf"{FENCE}|^(?:(?P<kind>!!!|\?{{3}})\+? +(?P<type>\w[\w -]*?)|===[!+]*)"
    r' *(?:"(?P<title>[^"\n]*)")? *\n(?P<inside>(?: *\n| {4}.*\n)*)',
    re.MULTILINE,
)
ITEM = r"""(?:[.#:][\w-]+|[\w-]+=(?:"[^"]*"|[^\s}"]+)|download)"""
ATTRIBUTES = re.compile(rf" ?\{{:? *{ITEM}(?: +{ITEM})* *\}}")
ID = re.compile(r"\{[^}]*?#([\w.-]+)[^}]*\}")
BOX = re.compile(r"^</?(?:div|nav|section|figure)\b[^>]*>[ ]*\n?", re.MULTILINE)
IS_MARKDOWN = re.compile(r' markdown(?:="?\w+"?)?(?=[^<>]*>)')
HEADING = re.compile(r"^(#{1,5}) (.+)$", re.MULTILINE)
TEXT = r"\[((?!\^)(?:[^][]|\[[^][]*\])*)\]"
LINK = re.compile(rf'(!?){TEXT}\(([^\s()]+)(?: +"[^"]*")?\)')
REFERENCE = re.compile(rf"(?<!!){TEXT}\[([^][]*)\]")
NOTE = re.compile(r"\[\^([\w-]+)\](?!:)")
NOTES = re.compile(r"^\[\^([\w-]+)\]: *(.+(?:\n+ {4}.+)*)\n?", re.MULTILINE)
FOLD = re.compile(r"^<details\b[^>]*>\s*<summary>(.*?)</summary>[ ]*$", re.MULTILINE)
UNFOLD = re.compile(r"^</details>[ ]*$", re.MULTILINE)
Find = Callable[[str], str]
"""What tells the address of a link, or "" if there is none."""


class Prose:
    """The prose of one notebook, page by page.

    Attributes:
        notes: The footnotes so far, in the order of their first use.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []

    def begin(self, name: str, down: int, link: Find, refer: Find) -> None:
        """Go on with a page.

        Args:
            name: What its anchors begin with; nothing if it is alone.
            down: How many levels its headings go down.
            link: Finds what a link leads to.
            refer: Finds what the name of an object of the package leads to.
        """
        self.name, self.down, self.link, self.refer = name, down, link, refer
        self.ids: set[str] = set()
        self.numbers: dict[str, int] = {}  # of footnotes, by their labels on the page

    def read_notes(self, cells: list[str]) -> list[str]:
        """Take the footnotes out of the cells of the page, and number those that are used."""
        texts: dict[str, str] = {}

        def take(found: re.Match[str]) -> str:
            texts[found[1]] = re.sub(r"\n+ {4}", "\n", found[2])
            return ""

        rest = [NOTES.sub(take, cell) for cell in cells]
        for label in dict.fromkeys(NOTE.findall("\n".join(KEPT.sub("", cell) for cell in rest))):
            if label in texts:
                self.notes.append("")
                self.numbers[label] = len(self.notes)
        for label, number in self.numbers.items():
            self.notes[number - 1] = self.convert(texts[label]).strip()
        return rest

    def convert(self, text: str) -> str:
        """Return Markdown that needs no extension.

        Blocks become quotations, tabs paragraphs with a bold title; attributes and boxes are left
        out; links lead where they are found, or become text; headings get anchors.
        """
        text = _unblocked(text)
        kept: list[str] = []

        def keep(found: re.Match[str]) -> str:
            if found["comment"]:
                return ""
            piece = found[0]
            if found["fence"]:
                language = re.search(r"[\w+-]+", found["info"])
                before = piece[: piece.index(found["info"] + found["body"])]
                piece = f"{before}{language[0] if language else ''}{found['body']}"
            kept.append(piece)
            return f"\x00{len(kept) - 1}\x00"

        text = KEPT.sub(keep, text)
        text = IS_MARKDOWN.sub("", BOX.sub("", text))
        text = HEADING.sub(lambda found: self._heading(found, kept), text)
        text = ATTRIBUTES.sub("", text)
        text = REFERENCE.sub(self._refer, text)
        text = LINK.sub(self._link, text)
        text = NOTE.sub(self._note, text)
        while MARK.search(text):
            text = MARK.sub(lambda found: kept[int(found[1])], text)
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n")

    def _heading(self, found: re.Match[str], kept: list[str]) -> str:
        title = MARK.sub(lambda mark: kept[int(mark[1])].strip("`"), found[2])
        named = ID.search(title)
        words = re.sub(r"\]\([^)]*\)", "]", ATTRIBUTES.sub("", title))
        anchor = unique(named[1] if named else slugify(words, "-"), self.ids)
        level = "#" * min(len(found[1]) + self.down, 6)
        is_title = len(found[1]) == 1 and self.name
        anchor = self.name if is_title else self.anchor(anchor)
        return f'<a id="{anchor}"></a>\n\n{level} {found[2]}'

    def anchor(self, fragment: str) -> str:
        """Return what an anchor of the page is called in the notebook."""
        return f"{self.name}-{fragment}" if self.name else fragment

    def _link(self, found: re.Match[str]) -> str:
        image, text, target = found.groups()
        address = self.link(target)
        if not address:
            return f"*{text}*" if image else text
        return f"{image}[{text}]({address})"

    def _refer(self, found: re.Match[str]) -> str:
        text, name = found.groups()
        try:
            address = self.refer(name or text.strip("`"))
        except KeyError:  # brackets that are no link
            return found[0]
        return f"[{text}]({address})" if address else text

    def _note(self, found: re.Match[str]) -> str:
        number = self.numbers.get(found[1])
        return f"<sup>[{number}](#note-{number})</sup>" if number else found[0]


def _unblocked(text: str) -> str:
    """Make quotations of notes, and paragraphs with a bold title of tabs."""

    def block(found: re.Match[str]) -> str:
        if found["fence"] or not (found["kind"] or found["title"]):  # a title may be underlined
            return found[0]
        body = _unblocked(re.sub("^ {4}", "", found["inside"], flags=re.MULTILINE)).strip("\n")
        title = found["title"]
        if title is None:
            title = found["type"].split()[0].capitalize()
        if found["kind"] == "???":
            return f"{folded(title, body)}\n\n"
        whole = f"**{title}**\n\n{body}" if title else body
        if found["kind"]:
            whole = indent(whole, "> ", lambda line: True).replace("> \n", ">\n")
        return f"{whole}\n\n"

    return BLOCK.sub(block, f"{text}\n")


def folded(title: str, body: str) -> str:
    """Return Markdown that is folded away under a title."""
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def unfold(text: str, title: str) -> Iterator[tuple[str, str]]:
    """Part prose at the ends of what is folded.

    Args:
        text: Of one cell, which may begin inside, and end inside.
        title: Of what it begins inside, or "".

    Yields:
        Each part, and the title of what it lies in; the last one says how the cell ends.
    """
    while True:
        found = UNFOLD.search(text) if title else FOLD.search(text)
        if not found:
            yield text, title
            return
        yield text[: found.start()], title
        title = "" if title else found[1]
        text = text[found.end() :]


def sections(text: str) -> list[str]:
    """Part Markdown before each heading with its anchor, so that notebooks can fold them."""
    return [
        part.strip("\n") for part in re.split(r'^(?=<a id="[^"]*"></a>\n\n#)', text, flags=re.M)
    ]
