"""Look through folder trees: the reconcile scan that correctness rests on.

Links to files are not followed, and links to folders where `links` says so: such a
folder is walked by its real path. The walk gives way after each fifty entries: 10,000
files cost 60 ms, which is too long at once.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from jarvisd.core.discovery.links import LINKED_FILE, Links
from jarvisd.core.roots import Tree

PIECE = 50
"""Entries looked at before others get a turn: half a millisecond, or two for new ones."""


class ScanResult(msgspec.Struct, frozen=True, gc=False):
    """A file below a tree's root; *above* names the folders between both."""

    tree: Tree
    path: str
    above: tuple[str, ...]
    status: os.stat_result

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names from the root to it. Most files are known, and need none."""
        return (*self.above, self.path.rpartition("/")[2])


@dataclass(slots=True)
class Folder:
    """One folder that was looked at. *error* says why it could not be."""

    path: str
    files: list[ScanResult] = field(default_factory=list)
    inner: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Folders in it that are to be entered."""
    links: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Links in it to folders that would be entered."""
    error: str | None = None
    odd: dict[str, str] = field(default_factory=dict)
    """What is neither read nor entered although it might be meant to be, and why."""
    compressed: list[str] = field(default_factory=list)
    """Transcripts among *files* that are compressed."""


def walk(
    tree: Tree,
    excluded: Callable[[str], bool],
    below: tuple[str, ...] = (),
    *,
    opening: Callable[[], None] = lambda: None,
    links: Links | None = None,
) -> Iterator[Folder]:
    """Yield each folder of *tree* with its files, root first; nothing if it is absent.

    A folder of many entries comes in pieces of PIECE. Paths that *excluded* says yes
    to are neither entered nor read. *below* names the folder to begin with, from the
    root, where not the whole tree is to be walked. *opening* is called before each
    folder is opened: it may see to it that there is a descriptor left.
    """
    links = links or Links(None, ())
    start = "/".join((str(tree.root), *below))
    pending: list[tuple[str, tuple[str, ...]]] = [(start, below)]
    while pending:
        path, parts = pending.pop()
        opening()
        try:
            with os.scandir(path) as entries:
                while piece := list(islice(entries, PIECE)):
                    folder = Folder(path)
                    _look_at(piece, parts, tree, folder, excluded)
                    _follow(folder, tree, excluded, links)
                    pending += folder.inner
                    yield folder
        except FileNotFoundError:
            pass  # gone while we looked; the next scan will see what is true then
        except OSError as exc:
            yield Folder(path, error=exc.strerror or str(exc))


def is_utf8(path: str) -> bool:
    """Whether *path* can be shown as text: in JSON and in the store."""
    if path.isascii():
        return True

    try:
        path.encode()
    except UnicodeEncodeError:
        return False

    return True


def _look_at(
    piece: list[os.DirEntry[str]],
    above: tuple[str, ...],
    tree: Tree,
    folder: Folder,
    excluded: Callable[[str], bool],
) -> None:
    """Sort the entries of *piece* that are not *excluded* into *folder*."""
    files, suffix = folder.files, tree.compressed
    for entry in piece:
        path = entry.path
        if excluded(path):
            continue

        # In place, and not in a function: thousands of files are looked at for ever.
        if entry.is_file(follow_symlinks=False) and is_utf8(entry.name):
            if suffix and path.endswith(suffix):
                if tree.place((*above, entry.name.removesuffix(suffix))) is None:
                    continue

                folder.compressed.append(path)

            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue

            files.append(ScanResult(tree, path, above, status))
        else:
            _sort(entry, above, tree, folder)


def _sort(
    entry: os.DirEntry[str], above: tuple[str, ...], tree: Tree, folder: Folder
) -> None:
    """Sort *entry*, which is no file to be read, into *folder*."""
    if not is_utf8(entry.name):
        folder.odd[_shown(entry.path)] = "its name is not UTF-8"
    elif entry.is_dir(follow_symlinks=False):
        if tree.enters(parts := (*above, entry.name)):
            folder.inner.append((entry.path, parts))
    elif entry.is_symlink() and os.path.isdir(entry.path):  # DirEntry raises ELOOP
        if tree.enters(parts := (*above, entry.name)):
            folder.links.append((entry.path, parts))
    elif tree.place((*above, entry.name)) is not None:
        folder.odd[entry.path] = _why_not_read(entry)


def _follow(
    folder: Folder, tree: Tree, excluded: Callable[[str], bool], links: Links
) -> None:
    """Enter the folders that links in *folder* lead to, or note why that is not done."""
    for link, parts in folder.links:
        target = os.path.realpath(link)
        if excluded(target) or links.is_read_anyway(target):
            continue

        reason = links.why_not(target)
        if reason is not None:
            folder.odd[link] = reason
        elif is_utf8(target):
            links.entered[target] = tree, parts
            folder.inner.append((target, parts))


def _why_not_read(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return LINKED_FILE

    return "is not a regular file"


def _shown(path: str) -> str:
    return os.fsencode(path).decode(errors="replace")
