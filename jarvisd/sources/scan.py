"""Look through folder trees: the reconcile scan that correctness rests on.

Links are not followed, so a transcript is always inside its root. The walk gives way
after each folder: 10,000 files cost 30 ms altogether, which is too long at once.
"""

import os
from collections.abc import Callable, Iterator
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
    odd_names: list[str] = field(default_factory=list)
    """Files whose names are not UTF-8; they cannot be shown, so they are not read."""


def walk(tree: Tree, excluded: Callable[[str], bool]) -> Iterator[Folder]:
    """Yield each folder of *tree* with its files, root first; nothing if it is absent.

    Paths that *excluded* says yes to are neither entered nor read.
    """
    pending: list[tuple[str, tuple[str, ...]]] = [(str(tree.root), ())]
    while pending:
        path, parts = pending.pop()
        folder = Folder(path)
        pending += _look_into(folder, tree, parts, excluded)
        yield folder


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
                if entry.is_dir(follow_symlinks=False):
                    if tree.enters(below):
                        inner.append((entry.path, below))
                elif entry.is_file(follow_symlinks=False):
                    _take(folder, tree, entry, below)
    except FileNotFoundError:
        pass  # gone while we looked; the next scan will see what is true then
    except OSError as exc:
        folder.error = exc.strerror or str(exc)
    return inner


def _take(
    folder: Folder, tree: Tree, entry: os.DirEntry[str], parts: tuple[str, ...]
) -> None:
    try:
        entry.name.encode()
        folder.files.append(
            Found(tree, entry.path, parts, entry.stat(follow_symlinks=False))
        )
    except UnicodeEncodeError:
        folder.odd_names.append(os.fsencode(entry.path).decode(errors="replace"))
    except FileNotFoundError:
        pass
