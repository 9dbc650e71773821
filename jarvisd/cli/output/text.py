"""Text that is safe to print on a terminal, and how many columns it takes.

Names, paths and lines come from strangers: an escape sequence in a project's name
could retitle, recolour or answer for the terminal, a bidi override could show another
name than the one that is there. Everything a command prints passes through `safe`.
"""

import re
import unicodedata
from collections.abc import Iterator

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, modes
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC and its kin, with all they carry
    r"|\x1b[ -/]*[0-~]?",  # the short ones
    re.DOTALL,
)
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_PLAIN = "\x1b[0m"
# Terminals disagree on whether these take a column, join what is before them, or show
# nothing: variation selectors, skin tones, fillers that count as letters.
_UNSETTLED = re.compile(
    "[\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f"
    "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)
_MARKS = frozenset({"Mn", "Me"})
ELLIPSIS = "…"


def safe(text: str) -> str:
    """Return *text* in one line, without anything a terminal would obey.

    Whole escape sequences go, not only their first character; control, bidi and
    invisible characters go; line ends, tabs and odd spaces become a space.
    """
    if text.isascii() and text.isprintable():
        return text

    text = _UNSETTLED.sub("", _SEQUENCE.sub("", text))
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character

    return " " if character.isspace() else ""


def painted(line: str) -> str:
    """Return *line* made safe, but with its colours: for what `table` has made."""
    parts = _COLOUR.split(line)
    return "".join(
        part if index % 2 else safe(part) for index, part in enumerate(parts)
    )


def width(text: str) -> int:
    """Return the columns *text* takes on a terminal; it must be safe."""
    if text.isascii():
        return len(text)

    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in _MARKS or "\u1160" <= character <= "\u11ff":
        return 0

    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int, *, front: bool = False) -> str:
    """Return *text* in at most *columns*, with an ellipsis where something is missing.

    Args:
        text: Safe text.
        columns: The room for it.
        front: Cut the beginning off, not the end: for paths, whose end is their name.

    """
    if width(text) <= columns:
        return text

    if columns <= 0:
        return ""

    if front:
        kept = _first(text[::-1], columns - 1)[::-1]
        # A mark whose letter is gone would go onto the ellipsis.
        while kept and not _columns(kept[0]):
            kept = kept[1:]

        return ELLIPSIS + kept

    return _first(text, columns - 1) + ELLIPSIS


def _first(text: str, columns: int) -> str:
    """Return as much of the beginning of *text* as takes no more than *columns*."""
    used = 0
    for index, character in enumerate(text):
        used += _columns(character)
        if used > columns:
            return text[:index]

    return text


def clip(line: str, columns: int) -> str:
    """Return *line*, which may have colours, in at most *columns*."""
    parts = _COLOUR.split(line)
    if sum(map(width, parts[::2])) <= columns:
        return line

    kept, left = [], columns
    for index, part in enumerate(parts):
        if index % 2:
            kept.append(part)
        elif width(part) <= left:
            kept.append(part)
            left -= width(part)
        else:
            kept.append(cut(part, left))
            break

    return "".join(kept) + (_PLAIN if len(parts) > 1 else "")


def wrap(text: str, columns: int | None) -> list[str]:
    """Return safe *text* as lines of at most *columns*, broken between words.

    A word that is longer than a line is broken too. The spaces before the first line
    stand before the others as well. Where *columns* is None nothing is broken.
    """
    if columns is None or width(text) <= columns:
        return [text]

    words = text.lstrip(" ")
    # Room enough for a wide character.
    margin = text[: max(0, min(len(text) - len(words), columns // 2, columns - 2))]
    room = columns - len(margin)
    lines = [""]
    for piece in (each for word in words.split(" ") for each in _pieces(word, room)):
        longer = f"{lines[-1]} {piece}" if lines[-1] else piece
        if width(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(piece)

    return [margin + each for each in lines]


def _pieces(word: str, columns: int) -> Iterator[str]:
    while width(word) > columns:
        piece = _first(word, columns) or word[0]
        yield piece
        word = word[len(piece) :]

    yield word
