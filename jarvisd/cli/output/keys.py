"""What a person pressed, by name; a sequence that nobody knows is no key at all."""

import re
from collections.abc import Iterator

_PRESSED = re.compile(
    r"\x1b+[\]PX^_].*?(?:\x07|\x1b\\)"  # what a terminal says of itself
    r"|\x1b+(?:\[\[?[0-?]*[ -/]*[@-~]|O[ -~])"  # arrows and the like, also with Alt
    r"|\x1b[ -~]"  # Alt with a key
    r"|.",
    re.DOTALL,
)
_UNFINISHED = re.compile(
    r"\x1b+(?:\[\[?[0-?]*[ -/]*|O|[\]PX^_](?:(?!\x07|\x1b\\).)*)?\Z", re.DOTALL
)
_NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x10": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x0e": "down",
    "\t": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    " ": "page down",
    "\x1b[H": "first",
    "\x1bOH": "first",
    "\x1b[1~": "first",
    "\x1b[7~": "first",
    "\x1b[F": "last",
    "\x1bOF": "last",
    "\x1b[4~": "last",
    "\x1b[8~": "last",
    "k": "up",
    "j": "down",
    "g": "first",
    "G": "last",
    "\r": "enter",
    "\n": "enter",
    "q": "leave",
    "\x04": "leave",
    "\x1b": "escape",
}


def is_unfinished(text: str) -> bool:
    """Return True if *text* ends in what may be the beginning of a sequence."""
    return _UNFINISHED.search(text) is not None


def pressed(text: str) -> Iterator[str]:
    """Yield the name of each key in *text*; of a letter or digit, itself."""
    broken = _UNFINISHED.search(text)
    if broken is not None and broken[0].strip("\x1b"):
        text = text[: broken.start()]

    for found in _PRESSED.findall(text):
        name = _NAMES.get(found, found)
        if len(found) == 1 or found in _NAMES:
            yield name
