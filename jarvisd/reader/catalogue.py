"""Every transcript that is known, by path and by inode, and how new ones join."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import msgspec

from jarvisd.accumulators.block import Block
from jarvisd.accumulators.blocks import Blocks
from jarvisd.errors import SourceError
from jarvisd.model.block import BlockId, Kind, Origin
from jarvisd.model.source import Place, SourceView, Tree
from jarvisd.sources.file import TailedFile
from jarvisd.sources.handles import Handles, open_regular
from jarvisd.sources.identity import Verdict, judge
from jarvisd.sources.scan import Found


@dataclass(slots=True, eq=False)
class Known:
    """One transcript file and the block it feeds.

    *wakes* counts how often it was found changed, *done* up to which of these it has
    been read. *backlog_bytes* is what is left of its history, None when none was.
    """

    block: Block
    tail: TailedFile
    size: int = 0
    mtime_ms: int = 0
    historic_until: int = 0
    backlog_bytes: int | None = None
    wakes: int = 0
    done: int = 0
    woken_at: float = 0.0
    wake: anyio.Event | None = None
    """Set to wake the task that follows the file; None while no task does."""
    hinted: bool = False
    """The watch of its folder has told of it, so it need not be looked at by time."""

    @property
    def path(self) -> str:
        """Return where the file is now."""
        return self.tail.path

    def note(self, status: os.stat_result) -> None:
        """Remember how large and how old the file was seen to be."""
        self.size, self.mtime_ms = status.st_size, status.st_mtime_ns // 1_000_000

    def view(self) -> SourceView:
        """Return it as `sources.list` shows it."""
        block = self.block
        return SourceView(
            agent=block.origin.agent,
            path=self.path,
            state=block.state,
            block_id=block.block_id,
            offset=block.position.offset,
            size=self.size,
            partial_bytes=block.partial_bytes,
            generation=block.position.generation,
            error=block.error,
        )


class Catalogue:
    """Finds, adopts and renames known files. Synchronous: it only looks and notes."""

    def __init__(self, blocks: Blocks, handles: Handles) -> None:
        self._blocks = blocks
        self._handles = handles
        self._by_path: dict[str, Known] = {}
        self._by_inode: dict[tuple[int, int], Known] = {}

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
        self._by_path[tail.path] = known
        self._by_inode[block.position.dev, block.position.inode] = known

    def adopt(self, found: Found, now_ms: int) -> Known | None:
        """Return the file behind a path that is new to us, with a block to feed.

        None when it is no transcript, or one more name of a known file.
        """
        place = found.tree.place(found.parts)
        if place is None:
            return None

        inode = (found.status.st_dev, found.status.st_ino)
        other = self._by_inode.get(inode)
        if other is not None and other.path != found.path:
            if os.path.lexists(other.path):
                if _same_file(other.path, inode):
                    return None  # a hard link: two names, one stream
            elif _goes_on(other, found):
                return self._renamed(other, found, place)

        known = self._created(found, place, now_ms)
        self._by_inode[inode] = known
        return known

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
        self._by_path[found.path] = known
        self._blocks.add(known.block, now_ms)
        return known

    def _renamed(self, known: Known, found: Found, place: Place) -> Known:
        del self._by_path[known.path]
        self._handles.rename(known.path, found.path)
        known.tail = TailedFile(found.path)
        known.note(found.status)
        known.block.rest()  # whose lines they are may have changed
        known.block.origin = msgspec.structs.replace(
            known.block.origin,
            path=found.path,
            session_id=place.session_id or known.block.origin.session_id,
            parent_session_id=place.parent_session_id,
        )
        self._by_path[found.path] = known
        return known

    def _free_id(self, agent: str, path: str) -> BlockId:
        """Return an id that follows from the path, so that a rebuilt store agrees."""
        for number in range(len(self._by_path) + 1):
            name = f"{agent}\0{path}\0{number}".encode()
            block_id = BlockId(hashlib.blake2b(name, digest_size=8).hexdigest())
            if self._blocks.get(block_id) is None:
                return block_id

        raise AssertionError("more ids in use than files are known")


def tree_of(trees: tuple[Tree, ...], path: str) -> tuple[Tree, tuple[str, ...]] | None:
    """Return the tree that *path* lies in, and the names from its root to it."""
    for tree in trees:
        root = f"{tree.root}/"
        if path.startswith(root):
            return tree, tuple(path[len(root) :].split("/"))

    return None


def _same_file(path: str, inode: tuple[int, int]) -> bool:
    seen = os.stat(path, follow_symlinks=False)
    return (seen.st_dev, seen.st_ino) == inode


def _goes_on(known: Known, found: Found) -> bool:
    """Say whether *found* is *known* under a new name, and not its inode reused."""
    try:
        fd = open_regular(found.path)
    except (SourceError, OSError):
        return False

    try:
        return judge(known.block.position, found.status, fd) is Verdict.SAME
    finally:
        os.close(fd)
