"""A page walked through by the key Tab, in a window that has visit.js."""

from playwright.sync_api import Page

MOST = 600  # stops of Tab on a page; more would be a circle


def walk(page: Page) -> list[str]:
    """Press Tab until the focus leaves the page, unfold what is folded, and say what is wrong."""
    page.evaluate("visit.still()")
    page.evaluate("visit.start()")
    wrong: list[str] = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        seen = page.evaluate("visit.look()")
        for _ in range(40):  # the script of the site may be a moment behind
            if not seen or not seen[0]:
                break
            page.wait_for_timeout(50)
            seen = page.evaluate("visit.look()")
        if seen is None:
            return [*wrong, *page.evaluate("visit.missed()")]
        wrong += seen[0]
        if seen[1]:
            page.keyboard.press("Enter")
            for _ in range(40):  # what is in it may have to be fetched
                if not page.evaluate("visit.look()")[1]:
                    break
                page.wait_for_timeout(50)
            else:
                wrong.append("what is folded does not unfold by Enter")
    return [*wrong, f"the focus has not left the page after {MOST} stops"]
