"""Folders as agents name them, on Unix and on Windows."""

import re

_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
"""How a whole path begins there: with a drive, or with a computer."""


def slashed(folder: str) -> str:
    """Return *folder* with slashes between its parts, also if Windows names it.

    On Unix a backslash is a letter like any other.
    """
    return folder.replace("\\", "/") if _OF_WINDOWS.match(folder) else folder


def is_named(folder: str | None, wanted: str) -> bool:
    """Return True if *folder* is *wanted*, or its path ends like that."""
    if folder is None:
        return False

    path = slashed(folder)
    if _OF_WINDOWS.match(folder):
        wanted = wanted.replace("\\", "/")

    return path == wanted or path.endswith("/" + wanted.strip("/"))
