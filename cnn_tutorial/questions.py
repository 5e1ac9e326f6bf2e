"""A question that a page asks before it shows the answer, and the mistakes behind wrong answers."""

from html import escape
from typing import Any

HTML = "text/html"
Value = int | tuple[int, ...] | str
"""A number, a shape, or one of several choices."""


class Question:
    """A question that a notebook shows with its answer folded away.

    The site has a field for the reader's answer in its place, tells a wrong one by the mistake
    behind it, and shows the way to the right one after a second try.

    Attributes:
        label: What is asked, in a few words.
        answer: An int, a shape, or a text; with a text, the reader picks one of several.
        why: The way to the answer, in a sentence.
        mistakes: What a wrong answer comes from, in a sentence, by that answer.
    """

    def __init__(self, label: str, answer: Value, why: str, *mistakes: tuple[Value, str]) -> None:
        """Ask.

        Raises:
            ValueError: Two of the answers are the same, so that they cannot be told apart, or there
                is no wrong one, or one is of another kind than the right one.
        """
        self.label, self.answer, self.why = label, answer, why
        self.mistakes = dict(mistakes)
        wrong = [value for value, _ in mistakes]
        if not wrong or answer in wrong or len(self.mistakes) < len(wrong):
            raise ValueError(
                f"{label!r} needs a mistake or more, each with an answer of its own; got the "
                f"answer {answer!r} and the wrong ones {wrong}"
            )
        if {type(value) for value in wrong} != {type(answer)}:
            raise ValueError(
                f"{label!r} has the answer {answer!r}, and the wrong ones must be of its kind; "
                f"got {wrong}"
            )

    def __repr__(self) -> str:
        """Return the question with its answer, in a line."""
        return f"{self.label}: {written(self.answer)}. {self.why}"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        choices = ""
        if isinstance(self.answer, str):
            names = map(escape, sorted([self.answer, *map(written, self.mistakes)]))
            choices = f"<p>{' · '.join(f'<span>{name}</span>' for name in names)}</p>"
        shown = (
            f"<predict-check><p>{escape(self.label)}</p>{choices}"
            '<details class="code"><summary>Answer</summary>'
            f"<p><b>{escape(written(self.answer))}</b>. {escape(self.why)}</p>"
            "</details></predict-check>"
        )
        mistakes = {written(value): why for value, why in self.mistakes.items()}
        about = {"label": self.label, "mistakes": mistakes}
        return {HTML: shown, "text/plain": repr(self)}, {HTML: about}


def written(value: Value) -> str:
    """Return an answer as a reader writes it: 1,234, or (1, 28, 28), or its own words."""
    return f"{value:,}" if isinstance(value, int) else str(value)
