"""Look through folder trees: the reconcile scan that correctness rests on.

Links are not followed, so a transcript is always inside its root. The walk gives way
after each folder: 10,000 files cost 30 ms altogether, which is too long at once.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from jarvisd.model.source import Tree


class Found(NamedTuple):
    """A file below a tree's root; *parts* are the names from the root to it."""

    tree: Tree
    path: str
    parts: tuple[str, ...]
    status: os.stat_result


@dataclass(slots=True)
class Folder:
    """One folder that was looked at. *error* says why it could not be."""

    path: str
    files: list[Found] = field(default_factory=list)
    error: str | None = None
    odd: dict[str, str] = field(default_factory=dict)
    """What is neither read nor entered although it might be meant to be, and why."""


def walk(
    tree: Tree, excluded: Callable[[str], bool], below: tuple[str, ...] = ()
) -> Iterator[Folder]:
    """Yield each folder of *tree* with its files, root first; nothing if it is absent.

    Paths that *excluded* says yes to are neither entered nor read. *below* names the
    folder to begin with, from the root, where not the whole tree is to be walked.
    """
    start = "/".join((str(tree.root), *below))
    pending: list[tuple[str, tuple[str, ...]]] = [(start, below)]
    while pending:
        path, parts = pending.pop()
        folder = Folder(path)
        pending += _look_into(folder, tree, parts, excluded)
        yield folder


def is_utf8(path: str) -> bool:
    """Say whether *path* can be shown as text: in JSON and in the store."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False

    return True


def _look_into(
    folder: Folder,
    tree: Tree,
    parts: tuple[str, ...],
    excluded: Callable[[str], bool],
) -> list[tuple[str, tuple[str, ...]]]:
    """Fill *folder*; return the folders in it that are to be entered."""
    inner = []
    try:
        with os.scandir(folder.path) as entries:
            for entry in entries:
                if excluded(entry.path):
                    continue

                below = (*parts, entry.name)
                if not is_utf8(entry.name):
                    folder.odd[_shown(entry.path)] = "its name is not UTF-8"
                elif entry.is_dir(follow_symlinks=False):
                    if tree.enters(below):
                        inner.append((entry.path, below))
                elif entry.is_file(follow_symlinks=False):
                    _take(folder, tree, entry, below)
                elif tree.place(below) is not None:
                    folder.odd[entry.path] = _why_not_read(entry)
    except FileNotFoundError:
        pass  # gone while we looked; the next scan will see what is true then
    except OSError as exc:
        folder.error = exc.strerror or str(exc)
    return inner


def _take(
    folder: Folder, tree: Tree, entry: os.DirEntry[str], parts: tuple[str, ...]
) -> None:
    with suppress(FileNotFoundError):
        status = entry.stat(follow_symlinks=False)
        folder.files.append(Found(tree, entry.path, parts, status))


def _why_not_read(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "is a symbolic link, which is not followed"

    return "is not a regular file"


def _shown(path: str) -> str:
    return os.fsencode(path).decode(errors="replace")
