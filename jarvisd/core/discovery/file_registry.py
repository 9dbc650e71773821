"""Every transcript that is known, by path, inode and name, and how new ones join.

    a file that is new to us                      so it is
    ------------------------                      --------
    has the inode of one whose name leads to it   a hard link: nothing new
    has the inode and the content of one whose    that one, moved
      name leads nowhere or to other content
    has the inode and the begin or the end of     that one, moved and rewritten
      one whose name leads to nothing like it
    has the inode and the content of one that     what that one has left behind: a block
      was replaced since                            of its own that begins where it ended,
                                                    whichever of both is looked at first
    has name, size, time and content of one       a copy (`cp -a`, a backup): a block of
                                                    its own that begins where that ends
    is compressed, and has the name of one that   that one, read on where it stopped
      is nowhere any more
    has the name of one that was compressed       that one, unpacked again
    is compressed, and the other is there still   nothing new: the plain one is read
    is anything else                              new

That is of files of lines. Sources of other kinds are known by their paths alone.
A copy under another name is a fork of a session, and counts as one. A file that comes
back to a name that it had goes on where it was read last, under whichever name.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import cast

import msgspec
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import SourceError
from jarvisd.blocks.block import Block
from jarvisd.blocks.registry import Blocks
from jarvisd.core.discovery.same_file import (
    copied,
    goes_on,
    has_moved,
    here,
    leads_to,
    left_behind,
    status,
)
from jarvisd.core.discovery.scan import ScanResult
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.roots import Place, Position, SourceKind, Tree
from jarvisd.core.sources.blocking_source import BlockingSource, StreamLines
from jarvisd.core.sources.jsonlines.compressed_file import COMPRESSED
from jarvisd.core.sources.jsonlines.file_position import FilePosition, position_of
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.line_file import LineFile, open_tail

log = structlog.get_logger()

MAX_NAMESAKES = 64
"""Looked at for one that a new file may be a copy of."""

MAX_LEFT = 256
"""Files whose names lead elsewhere now, remembered until they show up again."""


class FileRegistry:
    """Finds, adopts and renames known files. Synchronous: it only looks and notes."""

    def __init__(
        self,
        blocks: Blocks,
        handles: Handles,
        clock: Clock,
        tree_of: Callable[[str], Tree | None],
    ) -> None:
        """Begin with the sources of *blocks*; *tree_of* returns in which tree a path is read."""
        self._blocks = blocks
        self._handles = handles
        self._clock = clock
        self._tree_of = tree_of
        self._by_path: dict[str, TrackedFile] = {}
        self._by_inode: dict[tuple[int, int], TrackedFile] = {}
        self._by_name: defaultdict[str, list[TrackedFile]] = defaultdict(list)
        self._left: dict[tuple[int, int], FilePosition] = {}
        self._beside: dict[str, TrackedFile] = {}
        self._folders: dict[str, TrackedFile] = {}
        self._streams: defaultdict[str, dict[str, Block]] = defaultdict(dict)
        self._unclaimed: dict[str, Block] = {}
        """Blocks of other kinds of sources whose roots are not read now."""

    def __len__(self) -> int:
        return len(self._by_path)

    def __iter__(self) -> Iterator[TrackedFile]:
        return iter(list(self._by_path.values()))

    def get(self, path: str) -> TrackedFile | None:
        """Return what is known by *path*, or has the file at *path* as a part."""
        known = self._by_path.get(path) or self._beside.get(path)
        if known is None and self._folders:
            return self._folders.get(os.path.dirname(path))

        return known

    def restore(self, block: Block) -> None:
        """Restore a transcript's block from the store, as it was left."""
        path = block.origin.path
        assert path is not None, "a transcript has a path"
        stream = block.origin.session_id or ""
        if block.block_id == _stream_id(block.origin.agent, path, stream):
            self._streams[path][stream] = block
            known = self._by_path.get(path)
            if known is not None:
                _join(known, stream, block)

            return

        tree = self._tree_of(path)
        if tree is not None and tree.kind is not None:
            self._add_source(block, path, tree.kind)
            return

        try:
            position = position_of(block.position.cursor())
        except msgspec.DecodeError:
            if tree is None:
                self._unclaimed[path] = block
                return

            # As a file that was rewritten: what it has now is read from its start.
            position = FilePosition(generation=block.position.generation + 1)
            log.exception("block.cursor_unreadable", block_id=block.block_id)

        block.position = position
        source = LineFile(path, self._handles)
        if not block.ended and block.error is None:
            source.tail.assume_unchanged(position)

        known = TrackedFile(block, source, size=position.size)
        self._add(known)
        inode = (position.dev, position.inode)
        if not block.ended or inode not in self._by_inode:
            self._by_inode[inode] = known  # not one that only had it last

    def adopt(self, found: ScanResult, now_ms: int) -> TrackedFile | None:
        """Return the file behind a path that is new to us, with a block to feed.

        None when it is no transcript, or one more name of a known file.
        """
        if found.tree.kind is not None:
            return self._adopt_source(found, found.tree.kind, now_ms)

        suffix = found.tree.compressed
        if suffix and found.path.endswith(suffix):
            return self._adopt_compressed(found, now_ms)

        return self._adopt_file(found, now_ms)

    def _adopt_file(self, found: ScanResult, now_ms: int) -> TrackedFile | None:
        """Return the file of lines that *found* is, under whichever name it was read."""
        inode = (found.status.st_dev, found.status.st_ino)
        other = self._by_inode.get(inode)
        if other is not None and leads_to(other.path, inode):
            return None

        place = found.tree.place(found.parts)
        if place is None:
            if other is not None:
                other.tail.moved_to = found.path  # rotated to a name of its own
            return None

        may_be_it = other is not None and not _only_has_inode(other, found)
        if other and may_be_it and has_moved(other, found.path, self._handles):
            self._rename(other, found, place)
            return other

        former = self._former(found.path) if found.tree.compressed else None
        if former is not None:
            self._exchange(former, found, place)
            return former

        known = self._created(found, place, now_ms)
        self._by_inode.setdefault(inode, known)
        return known

    def _former(self, path: str) -> TrackedFile | None:
        """Return the compressed transcript that is unpacked at *path*, if there is one.

        Or one that was compressed, unpacked and moved without our seeing it.
        """
        for each in self._by_name.get(_plain_name(path), ()):
            if each.is_compressed:
                return each

            is_it = not each.position.offset or goes_on(each, path) is not None
            if is_it and status(each.path) is None:
                return each

        return None

    def _adopt_compressed(self, found: ScanResult, now_ms: int) -> TrackedFile | None:
        """Return the transcript that *found* has become, or is, if nobody knows it.

        None while it is there uncompressed, under whichever folder: then that is read.
        """
        suffix = found.tree.compressed
        *above, name = found.parts
        place = found.tree.place((*above, name.removesuffix(suffix)))
        if place is None or status(found.path.removesuffix(suffix)) is not None:
            return None

        namesakes = self._by_name.get(_plain_name(found.path), [])
        if any(status(each.path) is not None for each in namesakes):
            return None

        if not namesakes:
            return self._created(found, place, now_ms)

        known = max(namesakes, key=lambda each: each.position.offset)
        self._exchange(known, found, place)
        return known

    def _exchange(self, known: TrackedFile, found: ScanResult, place: Place) -> None:
        """Read *known* on in *found*, which is it compressed or unpacked."""
        self._handles.drop(known.path)
        self._rename(known, found, place)
        tail = open_tail(found.path)
        tail.slice_bytes = known.tail.slice_bytes
        known.replace_tail(tail)

    def reached(self, known: TrackedFile, before: Position) -> None:
        """Record that *known* was read on from *before*, perhaps in another file."""
        position = known.block.position
        if not isinstance(position, FilePosition) or not isinstance(
            before, FilePosition
        ):
            return  # files of other kinds are known by their paths alone

        if position.inode == before.inode and position.dev == before.dev:
            return

        left = (before.dev, before.inode)
        if self._by_inode.get(left) is known and not known.tail.leaving:
            del self._by_inode[left]
            self._leave(left, before)

        if position.inode:
            self._by_inode[position.dev, position.inode] = known

    def come_back(self, known: TrackedFile) -> FilePosition | None:
        """Return where another one stopped in the file of *known*, if that has it back.

        Raises:
            SourceError: The other one reads it still: it is a hard link.

        """
        position = known.position
        inode = (position.dev, position.inode)
        other = self._by_inode.get(inode, known)
        if other is known or not leads_to(known.path, inode):
            return None  # or it had that inode once

        if leads_to(other.path, inode):
            raise SourceError(known.path, f"is another name of {other.path}")

        begins = left_behind(other, known.path, self._handles)
        self._by_inode[inode] = known
        seen = status(known.path)
        if begins is None or seen is None or begins.offset <= position.offset:
            return None

        return here(begins, seen, position.generation)

    def counted_elsewhere(self, known: TrackedFile) -> FilePosition | None:
        """Return where to begin a file whose first lines another one has counted.

        Raises:
            SourceError: All of its lines are counted there: it is a hard link.

        """
        seen = status(known.path)
        if seen is None or not seen.st_size:
            return None

        inode = (seen.st_dev, seen.st_ino)
        other = self._by_inode.get(inode)
        if other is None or other is known:
            begins = self._left_or_copied(known, inode)
        elif leads_to(other.path, inode):
            raise SourceError(known.path, f"is another name of {other.path}")
        else:
            begins = left_behind(other, known.path, self._handles)

        generation = known.position.generation
        return None if begins is None else here(begins, seen, generation)

    def _leave(self, inode: tuple[int, int], position: FilePosition) -> None:
        """Remember how far a file was read that its name does not lead to any more."""
        if position.offset:
            self._left.pop(inode, None)
            self._left[inode] = position

        if len(self._left) > MAX_LEFT:
            del self._left[next(iter(self._left))]

    def _left_or_copied(
        self, known: TrackedFile, inode: tuple[int, int]
    ) -> FilePosition | None:
        left = self._left.pop(inode, None)
        if left is not None and goes_on(known, known.path, left) is not None:
            return left

        namesakes = self._by_name[os.path.basename(known.path)]
        return copied(known, namesakes[-MAX_NAMESAKES:])

    def block_of(self, known: TrackedFile, stream: str) -> Block:
        """Return the block of *stream*, of a session that *known* carries."""
        if not stream:
            return known.block

        block = known.streams.get(stream)
        if block is None:
            own = known.block.origin
            origin = msgspec.structs.replace(
                own,
                block_id=_stream_id(own.agent, known.path, stream),
                session_id=SessionId(stream),
            )
            block = self._streams[known.path][stream] = Block(origin)
            self._blocks.add(block, self._clock.unix_ms())
            _join(known, stream, block)

        return block

    def _adopt_source(
        self, found: ScanResult, kind: SourceKind, now_ms: int
    ) -> TrackedFile | None:
        """Return the source of *kind* that the file *found* is, or is a part of."""
        path = os.path.dirname(found.path) if kind.is_folder else found.path
        place = found.tree.place(found.parts)
        if place is None:
            return None

        block = self._unclaimed.pop(path, None)
        if block is None:
            block = Block(self._origin(found.tree.agent, path, place))
            self._blocks.add(block, now_ms)

        known = self._add_source(block, path, kind)
        known.note(found.status)
        return known

    def _add_source(self, block: Block, path: str, kind: SourceKind) -> TrackedFile:
        cursor = block.position.cursor()
        source = BlockingSource(path, kind, self._clock, cursor)
        known = TrackedFile(block, source, size=block.position.size)
        self._by_path[path] = known
        for stream, each in self._streams[path].items():
            _join(known, stream, each)

        self._beside.update(dict.fromkeys(source.paths[1:], known))
        if kind.is_folder:
            self._folders[path] = known

        return known

    def _origin(self, agent: str, path: str, place: Place) -> Origin:
        return Origin(
            block_id=self._free_id(agent, _plain_path(path)),
            kind=Kind.TRANSCRIPT,
            agent=agent,
            path=path,
            session_id=place.session_id,
            parent_session_id=place.parent_session_id,
            project=place.project,
        )

    def _created(self, found: ScanResult, place: Place, now_ms: int) -> TrackedFile:
        origin = self._origin(found.tree.agent, found.path, place)
        block = Block(origin, position=FilePosition())
        known = TrackedFile(block, LineFile(found.path, self._handles))
        known.note(found.status)
        self._add(known)
        self._blocks.add(known.block, now_ms)
        return known

    def _rename(self, known: TrackedFile, found: ScanResult, place: Place) -> None:
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

    def _add(self, known: TrackedFile) -> None:
        self._by_path[known.path] = known
        self._by_name[_plain_name(known.path)].append(known)

    def _remove(self, known: TrackedFile) -> None:
        del self._by_path[known.path]
        self._by_name[_plain_name(known.path)].remove(known)

    def _free_id(self, agent: str, path: str) -> BlockId:
        """Return an id that follows from the path, so that a rebuilt store agrees."""
        for number in range(len(self._by_path) + 1):
            name = f"{agent}\0{path}\0{number}".encode()
            block_id = BlockId(hashlib.blake2b(name, digest_size=8).hexdigest())
            if self._blocks.get(block_id) is None:
                return block_id

        raise AssertionError("more ids in use than files are known")


def _stream_id(agent: str, path: str, stream: str) -> BlockId:
    """Return the id of the block of *stream*, which follows from its name."""
    name = f"{agent}\0{path}\0stream\0{stream}".encode()
    return BlockId(hashlib.blake2b(name, digest_size=8).hexdigest())


def _join(known: TrackedFile, stream: str, block: Block) -> None:
    """Have *block* stored together with the cursor of the source that carries it."""
    known.streams[stream] = block
    block.source = StreamLines(cast("BlockingSource", known.source), stream)
    if not known.block.siblings:
        known.block.siblings = [known.block]

    block.siblings = known.block.siblings
    block.siblings.append(block)


def _only_has_inode(other: TrackedFile, found: ScanResult) -> bool:
    """Whether *found* has the inode of a file that is another one by its name.

    Agents that compress their files make and remove many, and inodes are used again at
    once. What was read of a file tells more than its name.
    """
    names = _plain_name(other.path), _plain_name(found.path)
    unread = not other.position.offset
    return bool(found.tree.compressed) and unread and names[0] != names[1]


def _plain_path(path: str) -> str:
    """Return where a transcript was before it was compressed, if it is."""
    return path.removesuffix(COMPRESSED)


def _plain_name(path: str) -> str:
    return os.path.basename(_plain_path(path))
