"""Links a term of the glossary where a page first uses it.

The sentences stay on the page of the glossary; docs/assets/scripts/terms.js shows them from there.
"""

import re
from typing import NamedTuple

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

GLOSSARY = "glossary.md"
# A term, perhaps other words for it, and a sentence with a link to where it is explained.
ENTRY = re.compile(
    r"^(?P<term>\w.*) \{ #(?P<anchor>[\w-]+)(?P<unlinked> \.unlinked)? \}\n"
    r"(?P<others>(?:\w.*\n)*):   (?P<text>.+\n(?: {4}.+\n)*)",
    re.MULTILINE,
)
EXPLAINED = re.compile(r"\]\(([\w/-]+\.md)")
# What is no prose, has links already, or is folded away.
UNLINKED = {"a", "autoref", "button", "code", "details", "label", "pre", "table"}
UNLINKED |= {"h1", "h2", "h3", "h4"}
UNLINKED_CLASSES = {"arithmatex", "cells", "executed", "footnote"}
MARKUP = re.compile(r"(<!--.*?-->|<[^>]*>)", re.DOTALL)
TAG = re.compile(r'<(/?)(\w+)(?:[^>]*? class="([^"]*)")?')


class Term(NamedTuple):
    """A term: its anchor in the glossary, and the page that explains it, which needs no link."""

    anchor: str
    page: str


terms: dict[str, Term] = {}  # by all their forms, in small letters


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Read the terms; a site without a glossary has none."""
    terms.clear()
    if glossary := files.get_file_from_path(GLOSSARY):
        terms.update(read(glossary.content_string))


def read(text: str) -> dict[str, Term]:
    """Return the terms of a glossary that are to be linked, by all their forms."""
    found: dict[str, Term] = {}
    for entry in ENTRY.finditer(text):
        explained = EXPLAINED.search(entry["text"])
        term = Term(entry["anchor"], explained[1] if explained else "")
        for word in (entry["term"], *entry["others"].splitlines()):
            if not entry["unlinked"]:
                found |= {form.lower(): term for form in (word, plural(word))}
    return found


def plural(word: str) -> str:
    """Return the plural of a term."""
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch")) else f"{word}s"


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link the terms of a page; those of the reference stand in signatures mostly, and stay."""
    uri = page.file.src_uri
    glossary = files.get_file_from_path(GLOSSARY)
    if not glossary or uri == GLOSSARY or uri.startswith("reference/"):
        return content
    others = {form: term.anchor for form, term in terms.items() if term.page != uri}
    return linked(content, others, glossary.url_relative_to(page.file))


def linked(content: str, anchors: dict[str, str], glossary: str) -> str:
    """Return HTML in which the first use of each term in the prose is a link.

    Args:
        content: HTML as Markdown makes it.
        anchors: Of each term in the glossary, by its forms in small letters.
        glossary: Address of the glossary.
    """
    longest = sorted(terms, key=len, reverse=True)  # "weight decay" is no weight
    words = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in longest)
    pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)
    done: set[str] = set()

    def link(found: re.Match[str]) -> str:
        anchor = anchors.get(" ".join(found[0].lower().split()))
        if not anchor or anchor in done:
            return found[0]
        done.add(anchor)
        return f'<a class="term" href="{glossary}#{anchor}">{found[0]}</a>'

    parts = MARKUP.split(content)  # text, markup, text and so on
    skipped, depth = "", 0  # the element in which nothing is linked, and how often it is open
    for n, part in enumerate(parts):
        if n % 2 == 0:
            parts[n] = part if skipped else pattern.sub(link, part)
        elif tag := TAG.match(part):
            end, name, classes = tag.groups("")
            if not skipped and (name in UNLINKED or UNLINKED_CLASSES & {*classes.split()}):
                skipped = name
            if name == skipped:
                depth += -1 if end else 1
                skipped = skipped if depth else ""
    return "".join(parts)
