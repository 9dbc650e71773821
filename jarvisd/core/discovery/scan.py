"""Walks folder trees for the reconcile scan, on which correctness rests.

Links to files are not followed. Links to folders are followed if `links` allows it, and
such a folder is walked by its real path. The walk yields after each fifty entries, since
10,000 files take 60 ms, which would block the loop for too long.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from jarvisd.core.discovery.links import LINKED_FILE, Links
from jarvisd.core.roots import Tree

BATCH = 50
"""Entries between two yields: half a millisecond, or two ms for new files."""


class ScanResult(msgspec.Struct, frozen=True, gc=False):
    """A file below a tree's root; *above* are the names of the folders between."""

    tree: Tree
    path: str
    above: tuple[str, ...]
    status: os.stat_result

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names from the root to the file, which only new files need."""
        return (*self.above, self.path.rpartition("/")[2])


@dataclass(slots=True)
class Folder:
    """A batch of one folder's entries; *error* is the reason if it is unreadable."""

    path: str
    files: list[ScanResult] = field(default_factory=list)
    folders: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Folders in it that are walked as well."""
    links: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Links in it to folders that would be walked."""
    error: str | None = None
    unread: dict[str, str] = field(default_factory=dict)
    """Entries that look like transcripts but are not read, with the reason."""
    compressed: list[str] = field(default_factory=list)
    """Transcripts among *files* that are compressed."""


def walk(
    tree: Tree,
    excluded: Callable[[str], bool],
    below: tuple[str, ...] = (),
    *,
    before_open: Callable[[], None] = lambda: None,
    links: Links | None = None,
) -> Iterator[Folder]:
    """Yield each folder of *tree* with its files, root first; nothing if it is absent.

    A folder with many entries is yielded in batches. Paths for which *excluded* returns
    True are skipped. *below* are the names from the root to the folder at which the walk
    starts. *before_open* is called before each folder is opened, to free a descriptor.
    """
    links = links or Links(None, ())
    start = "/".join((str(tree.root), *below))
    pending: list[tuple[str, tuple[str, ...]]] = [(start, below)]
    while pending:
        path, parts = pending.pop()
        before_open()
        try:
            with os.scandir(path) as entries:
                while batch := list(islice(entries, BATCH)):
                    folder = Folder(path)
                    _sort_batch(batch, parts, tree, folder, excluded)
                    _follow_links(folder, tree, excluded, links)
                    pending += folder.folders
                    yield folder
        except FileNotFoundError:
            pass  # deleted during the walk; the next scan sees the new state
        except OSError as exc:
            yield Folder(path, error=exc.strerror or str(exc))


def is_utf8(path: str) -> bool:
    """Whether *path* can be encoded as text, for JSON and the store."""
    if path.isascii():
        return True

    try:
        path.encode()
    except UnicodeEncodeError:
        return False

    return True


def _sort_batch(
    batch: list[os.DirEntry[str]],
    above: tuple[str, ...],
    tree: Tree,
    folder: Folder,
    excluded: Callable[[str], bool],
) -> None:
    """Sort the entries of *batch* that are not *excluded* into *folder*."""
    files, suffix = folder.files, tree.compressed
    for entry in batch:
        path = entry.path
        if excluded(path):
            continue

        # Inline for speed: each scan does this for thousands of files.
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
            _sort_other(entry, above, tree, folder)


def _sort_other(
    entry: os.DirEntry[str], above: tuple[str, ...], tree: Tree, folder: Folder
) -> None:
    """Sort *entry*, which is no readable file, into *folder*."""
    if not is_utf8(entry.name):
        folder.unread[_shown(entry.path)] = "its name is not UTF-8"
    elif entry.is_dir(follow_symlinks=False):
        if tree.enters(parts := (*above, entry.name)):
            folder.folders.append((entry.path, parts))
    elif entry.is_symlink() and os.path.isdir(entry.path):  # DirEntry raises ELOOP
        if tree.enters(parts := (*above, entry.name)):
            folder.links.append((entry.path, parts))
    elif tree.place((*above, entry.name)) is not None:
        folder.unread[entry.path] = _unread_reason(entry)


def _follow_links(
    folder: Folder, tree: Tree, excluded: Callable[[str], bool], links: Links
) -> None:
    """Add the folders that links in *folder* lead to, or the reason why not."""
    for link, parts in folder.links:
        target = os.path.realpath(link)
        if excluded(target) or links.is_read_elsewhere(target):
            continue

        reason = links.refusal_reason(target)
        if reason is not None:
            folder.unread[link] = reason
        elif is_utf8(target):
            links.entered[target] = tree, parts
            folder.folders.append((target, parts))


def _unread_reason(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return LINKED_FILE

    return "is not a regular file"


def _shown(path: str) -> str:
    return os.fsencode(path).decode(errors="replace")
