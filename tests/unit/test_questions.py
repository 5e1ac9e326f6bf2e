"""Questions: what may be asked, and what a notebook shows of it."""

from typing import Any

import pytest

from cnn_tutorial.questions import Question

ONCE = (13, "You counted the padding once.")


@pytest.mark.parametrize(
    ("answer", "mistakes", "said"),
    [
        (14, [], "needs a mistake or more"),
        (14, [ONCE, (14, "It is the answer.")], r"got the answer 14 and the wrong ones \[13, 14\]"),
        (14, [ONCE, (13, "Another sentence.")], "each with an answer of its own"),
        ((1, 14), [ONCE], r"the answer \(1, 14\), and the wrong ones must be of its kind"),
        (14, [ONCE, ("13", "You counted it once.")], "must be of its kind"),
    ],
)
def test_answers_that_cannot_be_told_apart_are_refused(
    answer: Any, mistakes: list[Any], said: str
) -> None:
    with pytest.raises(ValueError, match=f"^'Windows' .*{said}"):
        Question("Windows", answer, "Count them.", *mistakes)


def test_a_notebook_shows_it_with_its_answer_folded_away() -> None:
    question = Question("Numbers", 1200, "3 · 400.", (1400, "That is one < all."))
    shown, about = question._repr_mimebundle_()
    assert shown["text/html"] == (
        '<predict-check><p>Numbers</p><details class="code"><summary>Answer</summary>'
        "<p><b>1,200</b>. 3 · 400.</p></details></predict-check>"
    )
    assert shown["text/plain"] == repr(question) == "Numbers: 1,200. 3 · 400."
    assert about["text/html"]["mistakes"] == {"1,400": "That is one < all."}


def test_choices_stand_in_an_order_that_tells_nothing() -> None:
    question = Question("Which?", "b & c", "So it is.", ("d", "Not so."), ("a", "Nor so."))
    choices = "<p>Which?</p><p><span>a</span> · <span>b &amp; c</span> · <span>d</span></p><details"
    assert choices in question._repr_mimebundle_()[0]["text/html"]
