"""Every transcript that is known, by path, inode and name, and how new ones join.

    a file that is new to us                      so it is
    ------------------------                      --------
    has the inode of one whose name leads to it   a hard link: nothing new
    has the inode and the content of one whose    that one, moved
      name leads nowhere or to other content
    has the inode and the content of one that     what that one has left behind: a block
      was replaced since                            of its own that begins where it ended
    has name, size, time and content of one       a copy (`cp -a`, a backup): a block of
                                                    its own that begins where that ends
    is anything else                              new

A copy under another name is a fork of a session, and counts as one.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from jarvisd.accumulators.block import Block
from jarvisd.accumulators.blocks import Blocks
from jarvisd.errors import SourceError
from jarvisd.model.block import BlockId, Kind, Origin
from jarvisd.model.source import Place, Position
from jarvisd.reader.known import Known
from jarvisd.sources.file import TailedFile
from jarvisd.sources.handles import Handles, open_regular
from jarvisd.sources.identity import Verdict, judge
from jarvisd.sources.scan import Found

MAX_NAMESAKES = 64
"""Looked at for one that a new file may be a copy of."""


class Catalogue:
    """Finds, adopts and renames known files. Synchronous: it only looks and notes."""

    def __init__(self, blocks: Blocks, handles: Handles) -> None:
        self._blocks = blocks
        self._handles = handles
        self._by_path: dict[str, Known] = {}
        self._by_inode: dict[tuple[int, int], Known] = {}
        self._by_name: defaultdict[str, list[Known]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._by_path)

    def __iter__(self) -> Iterator[Known]:
        return iter(list(self._by_path.values()))

    def get(self, path: str) -> Known | None:
        """Return the file known by *path*."""
        return self._by_path.get(path)

    def restore(self, block: Block) -> None:
        """Take in a transcript's block from the store, as it was left."""
        assert block.origin.path is not None
        tail = TailedFile(block.origin.path)
        if not block.ended and block.error is None:
            tail.assume_unchanged(block.position)

        known = Known(block, tail, size=block.position.size)
        self._add(known)
        self._by_inode[block.position.dev, block.position.inode] = known

    def adopt(self, found: Found, now_ms: int) -> Known | None:
        """Return the file behind a path that is new to us, with a block to feed.

        None when it is no transcript, or one more name of a known file.
        """
        inode = (found.status.st_dev, found.status.st_ino)
        other = self._by_inode.get(inode)
        if other is not None and _leads_to(other.path, inode):
            return None

        place = found.tree.place(found.parts)
        if place is None:
            if other is not None:
                other.tail.moved_to = found.path  # rotated to a name of its own
            return None

        if other is not None and self._has_moved(other, found):
            self._rename(other, found, place)
            return other

        known = self._created(found, place, now_ms)
        known.begins = None if other is None else self._left_behind(other, found)
        self._by_inode[inode] = known
        return known

    def reached(self, known: Known, before: Position) -> None:
        """Note that *known* was read on from *before*, perhaps in another file."""
        position = known.block.position
        if position.inode == before.inode and position.dev == before.dev:
            return

        if not known.tail.leaving:
            self._by_inode.pop((before.dev, before.inode), None)

        if position.inode:
            self._by_inode[position.dev, position.inode] = known

    def copied_from(self, known: Known) -> Position | None:
        """Return where to begin a file that is a copy of one that was read."""
        found = _status(known.path)
        if found is None or not found.st_size:
            return None

        for other in self._by_name[os.path.basename(known.path)][-MAX_NAMESAKES:]:
            position = other.block.position
            alike = (position.size, position.mtime_ns) == _age(found)
            if other is not known and alike and _fits(position, known.path, found):
                return _here(position, found)

        return None

    def _has_moved(self, known: Known, found: Found) -> bool:
        """Say whether *found* is *known* under a new name, and not its inode reused."""
        if not _fits(known.block.position, found.path, found.status):
            return False

        named = _status(known.path)
        return named is None or not _fits(known.block.position, known.path, named)

    def _left_behind(self, known: Known, found: Found) -> Position | None:
        """Return how far *found* was read while it was *known*, if it was."""
        for each in known.tail.leaving:
            if _fits(each.position, found.path, found.status):
                each.end(self._handles)
                return _here(each.position, found.status)

        position = known.block.position
        if _fits(position, found.path, found.status):
            return _here(position, found.status)

        return None

    def _created(self, found: Found, place: Place, now_ms: int) -> Known:
        agent = found.tree.agent
        origin = Origin(
            block_id=self._free_id(agent, found.path),
            kind=Kind.TRANSCRIPT,
            agent=agent,
            path=found.path,
            session_id=place.session_id,
            parent_session_id=place.parent_session_id,
            project=place.project,
        )
        known = Known(Block(origin), TailedFile(found.path))
        known.note(found.status)
        self._add(known)
        self._blocks.add(known.block, now_ms)
        return known

    def _rename(self, known: Known, found: Found, place: Place) -> None:
        self._remove(known)
        known.moved_from = known.path
        self._handles.rename(known.path, found.path)
        known.tail.rename(found.path)
        self._add(known)
        known.note(found.status)
        known.block.rest()  # whose lines they are may have changed
        known.block.origin = msgspec.structs.replace(
            known.block.origin,
            path=found.path,
            session_id=place.session_id or known.block.origin.session_id,
            parent_session_id=place.parent_session_id,
        )

    def _add(self, known: Known) -> None:
        self._by_path[known.path] = known
        self._by_name[os.path.basename(known.path)].append(known)

    def _remove(self, known: Known) -> None:
        del self._by_path[known.path]
        self._by_name[os.path.basename(known.path)].remove(known)

    def _free_id(self, agent: str, path: str) -> BlockId:
        """Return an id that follows from the path, so that a rebuilt store agrees."""
        for number in range(len(self._by_path) + 1):
            name = f"{agent}\0{path}\0{number}".encode()
            block_id = BlockId(hashlib.blake2b(name, digest_size=8).hexdigest())
            if self._blocks.get(block_id) is None:
                return block_id

        raise AssertionError("more ids in use than files are known")


def _leads_to(path: str, inode: tuple[int, int]) -> bool:
    seen = _status(path)
    return seen is not None and (seen.st_dev, seen.st_ino) == inode


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=False)
    except OSError:
        return None


def _here(position: Position, seen: os.stat_result) -> Position:
    return msgspec.structs.replace(
        position, dev=seen.st_dev, inode=seen.st_ino, generation=0
    )


def _age(seen: os.stat_result) -> tuple[int, int]:
    return (seen.st_size, seen.st_mtime_ns)


def _fits(position: Position, path: str, seen: os.stat_result) -> bool:
    """Say whether the file at *path* has what was read up to *position*."""
    if not position.offset:
        return False

    try:
        fd = open_regular(path)
    except (SourceError, OSError):
        return False

    try:
        return judge(position, seen, fd)[0] is Verdict.SAME
    finally:
        os.close(fd)
