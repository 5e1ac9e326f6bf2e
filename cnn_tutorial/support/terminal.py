"""Text for terminals, pipes and files that cannot show every character: plainer ones instead."""

import codecs
import io
import sys

PLAINLY = "cnn_tutorial.plainly"  # what to do with what an encoding lacks
# As wide as what they stand for, so that columns stay columns.
PLAINER = str.maketrans("█▀▄─–−×·→≥≤≈…“”‘’", '#".---x*>><~.""\'\'')


def printable(text: str) -> str:
    """Return a text as it can be printed here: all of it, or with plainer characters."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, PLAINLY).decode(encoding)


def survive_plain_terminals() -> None:
    """Have standard output and standard error show plainer characters rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAINLY)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    r"""Replace what an encoding lacks; what has no plainer form, by its number, as in `\xe9`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(PLAINER)
    return lacking.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(PLAINLY, _plainer)
