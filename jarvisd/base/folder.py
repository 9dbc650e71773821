"""Compares folders as agents write them, on Unix and on Windows."""

import re

_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
"""The beginning of an absolute path on Windows: a drive, or a network share."""


def with_slashes(folder: str) -> str:
    """Return *folder* with slashes between its parts, also if it is from Windows.

    A Unix path is unchanged, since a backslash may be part of a name there.
    """
    return folder.replace("\\", "/") if _OF_WINDOWS.match(folder) else folder


def is_named(folder: str | None, wanted: str) -> bool:
    """Return True if *folder* is *wanted*, or its path ends with it."""
    if folder is None:
        return False

    path = with_slashes(folder)
    if _OF_WINDOWS.match(folder):
        wanted = wanted.replace("\\", "/")

    return path == wanted or path.endswith("/" + wanted.strip("/"))
