"""Makes text safe to print on a terminal.

Text from agents is not trusted: a project's name can contain an escape sequence that
retitles the window, or a direction mark that shows `txt.exe` as `exe.txt`. Control and
invisible characters are removed; letters stay.
"""

import unicodedata

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# Blank or filling characters that Unicode counts as letters or symbols.
_INVISIBLE = frozenset(
    "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b\u180c\u180d"
)


def sanitize(text: str) -> str:
    """Return *text* as one line without control, format and invisible characters."""
    if text.isascii() and text.isprintable():
        return text

    return "".join(character for character in text if _is_safe(character))


def _is_safe(character: str) -> bool:
    if character in _INVISIBLE or 0xFE00 <= ord(character) <= 0xFE0F:
        return False

    return unicodedata.category(character) not in _UNSAFE_CATEGORIES
