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


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace each formula of a page; one that is not LaTeX is a warning."""

    def mathml(formula: re.Match[str]) -> str:
        latex, display = html.unescape(formula[2]), formula[1] == "div"
        try:
            return latex_to_mathml.convert_with_local_state(latex, displaystyle=display)
        except LatexError as error:
            log.warning("%s: formula %r: %s", page.file.src_uri, latex, error)
            return formula[0]

    return FORMULA.sub(mathml, content)
