"""Detects files that were already read, fully or in part, under another name.

The functions compare two files; `file_registry` chooses the candidates.
"""

import os
from collections.abc import Iterable

import msgspec

from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.sources.jsonlines.handles import Handles, open_if_readable
from jarvisd.core.sources.jsonlines.identity import FilePosition, FileVerdict, resembles

_CONTINUED = {FileVerdict.SAME, FileVerdict.EDITED, FileVerdict.CUT}


def status(path: str) -> os.stat_result | None:
    """Return the status of *path*, not following a link; None if it is unreadable."""
    try:
        return os.stat(path, follow_symlinks=False)
    except OSError:
        return None


def is_name_of(path: str, inode: tuple[int, int]) -> bool:
    """Whether *path* is a name of *inode*."""
    seen = status(path)
    return seen is not None and (seen.st_dev, seen.st_ino) == inode


def has_moved(tracked: TrackedFile, path: str, handles: Handles) -> bool:
    """Whether the file at *path*, of its inode, is *tracked* under a new name."""
    if tracked.is_compressed:
        return False  # its content is another one; only its name identifies it

    if not tracked.position.offset:
        # Nothing was counted yet, so only its missing name shows that it moved. If it
        # has ended, the new file only has the same inode.
        unread = not tracked.tail.leaving and not tracked.block.ended
        return unread and status(tracked.path) is None

    seen, open_fd = status(path), handles.peek(tracked.path)
    if (
        seen is not None
        and open_fd is not None
        and os.path.samestat(os.fstat(open_fd), seen)
    ):
        return True

    return _likeness(tracked, path) > _likeness(tracked, tracked.path)


def release_file(
    other: TrackedFile, path: str, handles: Handles
) -> FilePosition | None:
    """Return the position up to which *other* has read the file at *path*.

    *other* releases the file: its name leads to another one now.
    """
    seen = status(path)
    for each in other.tail.leaving:
        goes = continuation_of(other, path, each.position) is not None
        if goes or each.is_same_file(seen, handles):
            each.end(handles)

        if goes:
            return each.position

    open_fd = handles.peek(other.path)
    if (
        seen is not None
        and open_fd is not None
        and os.path.samestat(os.fstat(open_fd), seen)
    ):
        handles.drop(other.path)

    return continuation_of(other, path)


def copied_position(
    tracked: TrackedFile, others: Iterable[TrackedFile]
) -> FilePosition | None:
    """Return the position of the file of which *tracked*, not read yet, is a copy."""
    others = [each for each in others if each is not tracked]
    seen = status(tracked.path) if others else None
    if seen is None:
        return None

    for other in others:
        position = other.position
        if (
            _age(position) == _age_of(seen)
            and continuation_of(other, tracked.path) is not None
        ):
            return position

    return None


def continuation_of(
    tracked: TrackedFile, path: str, position: FilePosition | None = None
) -> FilePosition | None:
    """Return the position at which to continue in *path*, if it continues *tracked*."""
    fd = open_if_readable(path)
    if fd is None:
        return None

    try:
        start = position or tracked.position
        verdict, found = tracked.tail.judge(start, fd)
        return found if verdict in _CONTINUED else None
    finally:
        os.close(fd)


def _likeness(tracked: TrackedFile, path: str) -> int:
    """Return 2 if the file at *path* continues where *tracked* stopped.

    Return 1 if it is the same inode, rewritten, and 0 for any other file.
    """
    if continuation_of(tracked, path) is not None:
        return 2

    fd = open_if_readable(path)
    if fd is None:
        return 0

    try:
        position, seen = tracked.position, os.fstat(fd)
        is_it = (seen.st_dev, seen.st_ino) == (position.dev, position.inode)
        return int(is_it and resembles(position, fd))
    finally:
        os.close(fd)


def in_file(
    position: FilePosition, seen: os.stat_result, generation: int
) -> FilePosition:
    """Return *position* moved to the file *seen*."""
    return msgspec.structs.replace(
        position, dev=seen.st_dev, inode=seen.st_ino, generation=generation
    )


def _age(position: FilePosition) -> tuple[int, int]:
    return (position.size, position.mtime_ns)


def _age_of(seen: os.stat_result) -> tuple[int, int]:
    return (seen.st_size, seen.st_mtime_ns)
