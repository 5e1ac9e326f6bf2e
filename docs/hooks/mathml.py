"""Turns the formulas that arithmatex marks into MathML, which browsers draw without a script."""

import html
import re

from math_core import LatexError, LatexToMathML
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

log = get_plugin_logger("mathml")
latex_to_mathml = LatexToMathML()
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
# The policy of the site allows no styles in HTML. Those of aligned lines are classes in the style
# sheet; others, such as colours, are not to be had.
CLASSES = {
    "text-align: left": "m-left",
    "text-align: right": "m-right",
    "padding-left: 0": "m-close-left",
    "padding-right: 0": "m-close-right",
    "padding-left:1em": "m-apart",
    "width: 50%": "m-half",
    "width: 100%": "m-whole",
    "justify-items: start": "",  # with text-align, for other browsers
    "justify-items: end": "",
}


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace each formula of a page; one that is not LaTeX is a warning."""

    def mathml(formula: re.Match[str]) -> str:
        latex, display = html.unescape(formula[2]), formula[1] == "div"

        def classes(style: re.Match[str]) -> str:
            declarations = [part.strip() for part in style[1].split(";") if part.strip()]
            if unknown := [part for part in declarations if part not in CLASSES]:
                message = "%s: formula %r: the policy of the site stops %s"
                log.warning(message, page.file.src_uri, latex, "; ".join(unknown))
            names = filter(None, (CLASSES.get(part) for part in declarations))
            return f' class="{" ".join(names)}"'

        try:
            drawn = latex_to_mathml.convert_with_local_state(latex, displaystyle=display)
        except LatexError as error:
            said = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip().partition("\n")[0]
            log.warning("%s: formula %r: %s", page.file.src_uri, latex, said)
            return formula[0]
        # The minifier takes an element that closes itself for one that is never closed.
        closed = re.sub(r"<(\w+)([^<>]*)/>", r"<\1\2></\1>", drawn)
        return re.sub(r' style="([^"]*)"', classes, closed)

    return FORMULA.sub(mathml, content)
