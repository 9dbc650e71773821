"""Text that is safe to print on a terminal, and how many columns it takes.

Names, paths and lines come from strangers: an escape sequence in a project's name
could retitle, recolour or answer for the terminal, a bidi override could show another
name than the one that is there. Everything a command prints passes through `safe`.
"""

import re
import unicodedata

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, modes
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC and its kin, with all they carry
    r"|\x1b[ -/]*[0-~]?",  # the short ones
    re.DOTALL,
)
ELLIPSIS = "…"


def safe(text: str) -> str:
    """Return *text* in one line, without anything a terminal would obey.

    Whole escape sequences go, not only their first character; control, bidi and
    invisible characters go; tabs and odd spaces become a space.
    """
    if text.isascii() and text.isprintable():
        return text

    return "".join(_visible(each) for each in _SEQUENCE.sub("", text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character

    is_space = character == "\t" or unicodedata.category(character) == "Zs"
    return " " if is_space else ""


def width(text: str) -> int:
    """Return the columns *text* takes on a terminal; it must be safe."""
    if text.isascii():
        return len(text)

    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0

    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Return *text* in at most *columns*, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text

    kept, used = [], width(ELLIPSIS)
    for character in text:
        used += _columns(character)
        if used > columns:
            break

        kept.append(character)
    return "".join(kept) + ELLIPSIS if columns > 0 else ""


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Return *text* cut or filled to exactly *columns*; *right* aligns to the right."""
    shown = cut(text, columns)
    space = " " * (columns - width(shown))
    return space + shown if right else shown + space
