"""The questions of the pages: each mistake is told by its sentence, by keyboard and by touch."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from bs4 import BeautifulSoup
from conftest import EXECUTED, ROOT, Site
from hosting import Host
from playwright.sync_api import Browser, Locator, Page, expect

CELL = re.compile(r'^```python tags=\["fold", "question"\]\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PAGES = [name for name in EXECUTED if re.match("breakdown|experiments", name)]
PREFIX = "cnn_tutorial "
# A number, a shape and a choice.
KINDS = ("breakdown/digits", 0), ("breakdown/digits", 1), ("breakdown/digits", 2)


def asked() -> Iterator[tuple[str, int, int]]:
    """Yield of each question of the pages its page, its place there, and how many mistakes it has.

    Taken from the source, so that each mistake is a test, whatever the site makes of it.
    """
    for name in PAGES:
        text = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
        for number, cell in enumerate(CELL.findall(text)):
            call = ast.parse(cell).body[-1]
            assert isinstance(call, ast.Expr)
            assert isinstance(call.value, ast.Call)
            yield name, number, len(call.value.args) - 3


ASKED = [*asked()]
MISTAKES = [(name, number, n) for name, number, count in ASKED for n in range(count)]


class Question(NamedTuple):
    """What the page says of a question, without scripts."""

    label: str
    choices: list[str]
    answer: str
    way: str
    mistakes: list[tuple[str, str]]


@pytest.fixture(scope="session")
def questions(site: Site) -> dict[str, list[Question]]:
    """The questions of each page, as they stand in its HTML."""
    return {name: [*read(site.page(name))] for name in PAGES}


def read(page: Path) -> Iterator[Question]:
    mistakes = json.loads(page.with_name("questions.json").read_text(encoding="utf-8"))
    html = BeautifulSoup(page.read_bytes(), "html.parser")
    for element in html.select("article predict-check"):
        label, *choices = element.select(":scope > p")
        answer, way = element.select_one("b"), element.select_one("details > p")
        assert answer
        assert way
        yield Question(
            label.get_text(),
            [choice.get_text() for part in choices for choice in part.select("span")],
            answer.get_text(),
            way.get_text(),
            [*mistakes[label.get_text()].items()],
        )


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


@pytest.fixture
def finger(browser: Browser) -> Iterator[Page]:
    """A phone without a mouse or a keyboard."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    yield context.new_page()
    context.close()


def at(page: Page, server: Host, name: str, number: int) -> Locator:
    """Return a question of a page, of which nothing has been answered."""
    if page.url != f"{server.address}{name}/":
        page.goto(f"{server.address}{name}/")
        page.evaluate("localStorage.clear()")
        page.reload()
    question = page.locator("predict-check").nth(number)
    expect(question.locator("form")).to_be_attached()
    question.evaluate("question => question.reset()")
    return question


def give(question: Locator, value: str) -> None:
    """Answer a question at once; keys and fingers have tests of their own."""
    set_and_send = "({form}, value) => { form.elements.answer.value = value; form.requestSubmit() }"
    question.evaluate(set_and_send, value)


def said(question: Locator) -> Locator:
    return question.locator("[role=status]")


def is_open(question: Locator) -> bool:
    return bool(question.evaluate("question => question.details.open"))


def test_there_are_questions_on_every_page(questions: dict[str, list[Question]]) -> None:
    """At least 30, each with a label that tells it from the others of its page."""
    for name, found in questions.items():
        print(f"\n{name}")
        for question in found:
            print(f"  {question.label}: {question.way}")
            for value, why in question.mistakes:
                print(f"    {value}: {why}")
        assert found, name
        assert len({question.label for question in found}) == len(found), name
    counts = [(name, n, len(q.mistakes)) for name in PAGES for n, q in enumerate(questions[name])]
    assert counts == ASKED
    print(f"\n{len(ASKED)} questions on {len(PAGES)} pages, {len(MISTAKES)} mistakes")
    assert len(ASKED) >= 30


@pytest.mark.parametrize(("name", "number", "mistake"), MISTAKES)
def test_mistake_is_told_by_its_sentence(
    server: Host,
    desk: Page,
    questions: dict[str, list[Question]],
    name: str,
    number: int,
    mistake: int,
) -> None:
    """Then there is a second try, and then the way to the answer."""
    question, asked = at(desk, server, name, number), questions[name][number]
    value, why = asked.mistakes[mistake]
    give(question, value)
    expect(said(question)).to_have_text(f"{why} Try once more.")
    assert not is_open(question)
    give(question, value)
    expect(said(question)).to_have_text(f"{why} The answer is {asked.answer}.")
    assert is_open(question)
    expect(question).to_contain_text(asked.way)


@pytest.mark.parametrize(("name", "number"), [(name, number) for name, number, _ in ASKED])
def test_right_answer_is_right(
    server: Host, desk: Page, questions: dict[str, list[Question]], name: str, number: int
) -> None:
    question, asked = at(desk, server, name, number), questions[name][number]
    give(question, asked.answer)
    expect(said(question)).to_have_text(f"Right: {asked.way}")
    assert not is_open(question)
    if asked.choices:
        assert asked.choices == sorted([asked.answer, *(value for value, _ in asked.mistakes)])
        assert question.locator("label").all_inner_texts() == asked.choices


@pytest.mark.parametrize(
    ("number", "given", "answer"),
    [
        (0, "about 784 numbers", "Right: "),
        (0, "785", "It is less. Try once more."),
        (0, "0.5", "It is more. Try once more."),
        (0, "-7e99", "It is more. Try once more."),
        (1, "1x1x28 × 28", "Right: "),
        (1, "torch.Size([1, 1, 28, 28])", "Right: "),
        (1, "1,1,28,27", "Size number 4 is not 27. Try once more."),
        (1, "28", "The shape has 4 sizes. Try once more."),
    ],
)
def test_answers_are_read_as_they_are_written(
    server: Host, desk: Page, number: int, given: str, answer: str
) -> None:
    question = at(desk, server, "breakdown/digits", number)
    give(question, given)
    expect(said(question)).to_have_text(re.compile(f"^{re.escape(answer)}"))


def test_thousands_may_be_parted(
    server: Host, desk: Page, questions: dict[str, list[Question]]
) -> None:
    asked = questions["breakdown/pooling"]
    [(number, answer)] = [(n, q.answer) for n, q in enumerate(asked) if "," in q.answer]
    question = at(desk, server, "breakdown/pooling", number)
    for given in answer, answer.replace(",", ""), answer.replace(",", " "):
        give(question, given)
        expect(said(question)).to_have_text(re.compile("^Right: "))


@pytest.mark.parametrize("given", ["", "  ", "🙂", "NaN", "<b>b</b>", "e" * 10**6])
def test_what_is_no_answer_is_no_try(server: Host, desk: Page, given: str) -> None:
    for number, sentence in (0, "Write a number."), (1, "Write a shape, such as (3, 2)."):
        question = at(desk, server, "breakdown/digits", number)
        for _ in range(3):
            give(question, given)
            expect(said(question)).to_have_text(sentence)
        assert not is_open(question)
    question = at(desk, server, "breakdown/digits", 2)
    question.get_by_role("button", name="Check").click()
    expect(said(question)).to_have_text("Pick one.")


@pytest.mark.parametrize(("name", "number"), KINDS)
def test_keys_are_enough(
    server: Host, desk: Page, questions: dict[str, list[Question]], name: str, number: int
) -> None:
    question, asked = at(desk, server, name, number), questions[name][number]
    wrong, why = asked.mistakes[0]
    before = desk.locator("a, button, summary").first
    before.focus()
    for _ in range(150):
        desk.keyboard.press("Tab")
        if question.evaluate("question => question.contains(document.activeElement)"):
            break
    if asked.choices:
        for _ in range(asked.choices.index(wrong)):
            desk.keyboard.press("ArrowDown")
        desk.keyboard.press("Space")
        desk.keyboard.press("Tab")
        expect(question.get_by_role("button", name="Check")).to_be_focused()
        desk.keyboard.press("Space")
    else:
        desk.keyboard.type(wrong)
        desk.keyboard.press("Enter")
    expect(said(question)).to_have_text(f"{why} Try once more.")
    desk.keyboard.press("Enter")
    assert is_open(question)


@pytest.mark.parametrize(("name", "number"), KINDS)
def test_a_finger_is_enough(
    server: Host, finger: Page, questions: dict[str, list[Question]], name: str, number: int
) -> None:
    question, asked = at(finger, server, name, number), questions[name][number]
    wrong, why = asked.mistakes[0]
    check = question.get_by_role("button", name="Check")
    for place in question.locator("label, [type=text], form > button").all():
        box = place.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 24
    if asked.choices:
        question.get_by_text(wrong, exact=True).tap()
    else:
        question.locator("input").tap()
        finger.keyboard.insert_text(wrong)  # as the keyboard on the screen does
    check.tap()
    expect(said(question)).to_have_text(f"{why} Try once more.")
    check.tap()
    assert is_open(question)


def test_answers_are_kept_for_the_reader_until_they_are_cleared(
    server: Host, browser: Browser, questions: dict[str, list[Question]]
) -> None:
    """Over the page, in the cells of its part, and on the next day."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page, name = context.new_page(), "breakdown/digits"
    page.goto(server.address + name)
    path = page.locator(".path")
    cell, other = path.locator("a").first, path.locator("a").last
    clear = path.get_by_role("button", name="Clear answers")
    title = str(cell.get_attribute("title"))
    expect(page.locator("predict-check form").last).to_be_attached()
    assert not clear.count()
    total = len(questions[name])
    for number in 0, 1:
        question, asked = page.locator("predict-check").nth(number), questions[name][number]
        give(question, asked.mistakes[0][0] if number else asked.answer)
    expect(said(question)).to_have_text(re.compile("Try once more.$"))
    expect(path.get_by_text(f"✓ 1 of {total}")).to_be_visible()
    give(question, asked.mistakes[0][0])
    for _ in range(2):
        expect(path.get_by_text(f"✓ 2 of {total}")).to_be_visible()
        assert cell.get_attribute("title") == f"{title}: 2 of {total} answered"
        assert cell.evaluate("cell => cell.style.getPropertyValue('--done')") == str(2 / total)
        summaries = page.locator("predict-check > details > summary")
        assert summaries.nth(0).inner_text() == "Answer: you were right"
        assert summaries.nth(1).inner_text() == f"Answer: you said {asked.mistakes[0][0]}"
        assert summaries.nth(2).inner_text() == "Answer"
        page.reload()
        expect(clear).to_be_visible()
    other.click()
    expect(clear).to_be_visible()
    assert cell.get_attribute("title") == f"{title}: 2 of {total} answered"
    page.evaluate("localStorage.other = 'of another site'")
    clear.click()
    expect(clear).to_be_hidden()
    expect(cell).to_be_focused()
    assert cell.get_attribute("title") == title
    names = page.evaluate("Object.keys(localStorage)")
    assert "other" in names
    assert not [name for name in names if name.startswith(PREFIX)]
    page.goto(server.address + name)
    expect(page.locator("predict-check form").last).to_be_attached()
    assert summaries.all_inner_texts() == ["Answer"] * total
    context.close()


@pytest.mark.parametrize(
    "spoil",
    [
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException() }})",
        "Object.defineProperty(window, 'localStorage',"
        " {value: Object.freeze({getItem() { return null }, setItem() {}})})",
        "Object.assign(localStorage, {'cnn_tutorial answer': 1, [`cnn_tutorial answer "
        "${location.pathname} The shape of x`]: '<img src=x>'.repeat(9999)})",
    ],
)
def test_what_is_kept_may_be_refused_or_spoilt(server: Host, browser: Browser, spoil: str) -> None:
    """Questions can be answered all the same, and nothing of it becomes markup."""
    context = browser.new_context()
    context.add_init_script(spoil)
    page = context.new_page()
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error.stack)))
    page.goto(server.address + "breakdown/digits/")
    question = page.locator("predict-check").first
    give(question, "784")
    expect(said(question)).to_have_text(re.compile("^Right: "))
    assert not page.locator("predict-check img, .path img").count()
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert not [error for error in errors if "predict-check" in error]  # Material has its own
    context.close()
