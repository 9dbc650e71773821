"""The registry of tracked files, by path, inode and name, which identifies new files.

    a new file                                      is
    ----------                                      --
    has the inode of a tracked one at its path      a hard link: not adopted
    has the inode and the content of a tracked      that file, moved
      one whose path is missing or has other content
    has the inode and the head or mark of a         that file, moved and rewritten
      tracked one whose path has no such content
    has the inode and the content of a tracked      the file that its path had before:
      one whose path was replaced since               a new block that starts where the
                                                      other ended, in any order
    has name, size, mtime and content of a          a copy (`cp -a`, a backup): a new
      tracked one                                     block that starts where that ends
    is compressed, and has the name of a tracked    that file, continued at its position
      one that does not exist any more
    has the name of one that was compressed         that file, decompressed again
    is compressed, and the plain file exists        not adopted: the plain file is read
    is anything else                                new

That applies to files of lines. Other sources are identified by their paths only. A copy
under another name is a fork of a session, and counts as one. A file that returns to
a former name continues at the position where it was last read, under any name.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NoReturn, cast

import msgspec
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import SourceError
from jarvisd.core.block import Block
from jarvisd.core.block_registry import Blocks
from jarvisd.core.discovery.same_file import (
    continuation_of,
    copied_position,
    has_moved,
    in_file,
    is_name_of,
    release_file,
    status,
)
from jarvisd.core.discovery.scan import ScanResult
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.roots import Place, Position, SourceKind, Tree
from jarvisd.core.sources.blocking_source import BlockingSource, StreamLines
from jarvisd.core.sources.jsonlines.compressed_file import COMPRESSED
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import FilePosition, position_of
from jarvisd.core.sources.jsonlines.line_file import LineFile, open_tail
from jarvisd.core.stream_ids import stream_block_id

log = structlog.get_logger()

MAX_NAMESAKES = 64
"""Files of the same name that are compared with a new one, which may be a copy."""

MAX_LEFT = 256
"""Replaced files whose positions are remembered until they are found at another path."""


class FileRegistry:
    """Finds, adopts and renames tracked files. Synchronous; it only reads files."""

    def __init__(
        self,
        blocks: Blocks,
        handles: Handles,
        clock: Clock,
        locate: Callable[[str], tuple[Tree, tuple[str, ...]] | None],
    ) -> None:
        """Create an empty registry.

        *locate* returns the tree of a path and its parts below the root, or None.
        """
        self._blocks = blocks
        self._handles = handles
        self._clock = clock
        self._locate = locate
        self._by_path: dict[str, TrackedFile] = {}
        self._by_inode: dict[tuple[int, int], TrackedFile] = {}
        self._by_name: defaultdict[str, list[TrackedFile]] = defaultdict(list)
        self._left: dict[tuple[int, int], FilePosition] = {}
        self._by_part: dict[str, TrackedFile] = {}
        self._folders: dict[str, TrackedFile] = {}
        self._streams: defaultdict[str, dict[str, Block]] = defaultdict(dict)
        self._unclaimed: dict[str, Block] = {}
        """Blocks of other kinds of sources whose roots are not read now."""

    def __len__(self) -> int:
        return len(self._by_path)

    def __iter__(self) -> Iterator[TrackedFile]:
        return iter(list(self._by_path.values()))

    def get(self, path: str) -> TrackedFile | None:
        """Return the source at *path*, or the one of which that file is a part."""
        tracked = self._by_path.get(path) or self._by_part.get(path)
        if tracked is None and self._folders:
            return self._folders.get(os.path.dirname(path))

        return tracked

    def source_of(self, path: str) -> str | None:
        """Return the path of the source that the file *path* is, or is a part of."""
        tracked = self.get(path)
        return None if tracked is None else tracked.path

    def restore(self, block: Block) -> None:
        """Restore a transcript's block from the store."""
        path = block.origin.path
        assert path is not None, "stored block of a transcript has no path"
        stream = block.origin.session_id or ""
        stream_id = stream_block_id(block.origin.agent, path, stream)
        if stream and block.block_id == stream_id:
            self._streams[path][stream] = block
            tracked = self._by_path.get(path)
            if tracked is not None:
                _attach_stream(tracked, stream, block)

            return

        located = self._locate(path)
        kind = None if located is None else _kind_of_source(*located)
        if kind is not None:
            self._add_source(block, path, kind)
            return

        try:
            position = position_of(block.position.cursor())
        except msgspec.DecodeError:
            if located is None:
                self._unclaimed[path] = block
                return

            # As a file that was rewritten: what it has now is read from its start.
            position = FilePosition(generation=block.position.generation + 1)
            log.exception("block.cursor_unreadable", block_id=block.block_id)

        block.position = position
        source = LineFile(path, self._handles)
        if not block.ended and block.error is None:
            source.tail.assume_unchanged(position)

        tracked = TrackedFile(block, source, size=position.size)
        self._add(tracked)
        inode = (position.dev, position.inode)
        if not block.ended or inode not in self._by_inode:
            self._by_inode[inode] = tracked  # not one that only had it last

    def adopt(self, found: ScanResult, now_ms: int) -> TrackedFile | None:
        """Return the file behind a path that is new to us, with a block to feed.

        None when it is no transcript, or one more name of a known file.
        """
        kind = found.tree.kind_of(found.parts)
        if kind is not None:
            return self._adopt_source(found, kind, now_ms)

        suffix = found.tree.compressed
        if suffix and found.path.endswith(suffix):
            return self._adopt_compressed(found, now_ms)

        return self._adopt_file(found, now_ms)

    def _adopt_file(self, found: ScanResult, now_ms: int) -> TrackedFile | None:
        """Return the file of lines that *found* is, under whichever name it was read."""
        inode = (found.status.st_dev, found.status.st_ino)
        other = self._by_inode.get(inode)
        if other is not None and is_name_of(other.path, inode):
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

        former = self._find_former(found.path) if found.tree.compressed else None
        if former is not None:
            self._replace_form(former, found, place)
            return former

        tracked = self._create(found, place, now_ms)
        self._by_inode.setdefault(inode, tracked)
        return tracked

    def _find_former(self, path: str) -> TrackedFile | None:
        """Return the compressed transcript that is unpacked at *path*, if there is one.

        Or one that was compressed, unpacked and moved without our seeing it.
        """
        for each in self._by_name.get(_plain_name(path), ()):
            if each.is_compressed:
                return each

            is_it = not each.position.offset or continuation_of(each, path) is not None
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
            return self._create(found, place, now_ms)

        tracked = max(namesakes, key=lambda each: each.position.offset)
        self._replace_form(tracked, found, place)
        return tracked

    def _replace_form(
        self, tracked: TrackedFile, found: ScanResult, place: Place
    ) -> None:
        """Read *tracked* on in *found*, which is it compressed or unpacked."""
        self._handles.drop(tracked.path)
        self._rename(tracked, found, place)
        tail = open_tail(found.path)
        tail.slice_bytes = tracked.tail.slice_bytes
        tracked.replace_tail(tail)

    def record_position(self, tracked: TrackedFile, before: Position) -> None:
        """Record the new position of *tracked*, which may be in another file now."""
        position = tracked.block.position
        if not isinstance(position, FilePosition) or not isinstance(
            before, FilePosition
        ):
            return  # other sources are identified by their paths only

        if position.inode == before.inode and position.dev == before.dev:
            return

        left = (before.dev, before.inode)
        if self._by_inode.get(left) is tracked and not tracked.tail.leaving:
            del self._by_inode[left]
            self._remember_left(left, before)

        inode = (position.dev, position.inode)
        if position.inode and not (before.offset and inode in self._by_inode):
            self._by_inode[inode] = tracked  # otherwise `reclaim` asks the other block

    def reclaim(self, tracked: TrackedFile) -> FilePosition | None:
        """Return the position of another block in the file of *tracked*, if it is ahead.

        That is so for a file that was renamed, read as another one, and renamed back;
        and for one that took the name of another file with the same beginning.

        Raises:
            SourceError: The other path still has the file: it is a hard link.

        """
        position = tracked.position
        inode = (position.dev, position.inode)
        other = self._by_inode.get(inode, tracked)
        if other is tracked or not is_name_of(tracked.path, inode):
            return None  # or the position is from a former inode

        if is_name_of(other.path, inode):
            self._refuse_link(tracked, other)

        if continuation_of(tracked, tracked.path) is None:
            return None  # the inode was used again: see `find_counted_start`

        begins = release_file(other, tracked.path, self._handles)
        self._by_inode[inode] = tracked
        seen = status(tracked.path)
        if begins is None or seen is None or begins.offset <= position.offset:
            return None

        return in_file(begins, seen, position.generation)

    def find_counted_start(self, tracked: TrackedFile) -> FilePosition | None:
        """Return the start of a new file whose first lines another block has counted.

        Raises:
            SourceError: The other block counts all of its lines: it is a hard link.

        """
        seen = status(tracked.path)
        if seen is None or not seen.st_size:
            return None

        inode = (seen.st_dev, seen.st_ino)
        other = self._by_inode.get(inode)
        if other is None or other is tracked:
            begins = self._find_left_or_copied(tracked, inode)
        elif is_name_of(other.path, inode):
            self._refuse_link(tracked, other)
        else:
            begins = release_file(other, tracked.path, self._handles)

        generation = tracked.position.generation
        return None if begins is None else in_file(begins, seen, generation)

    def _refuse_link(self, tracked: TrackedFile, other: TrackedFile) -> NoReturn:
        # What is open would be read to its end once this name is gone.
        self._handles.drop(tracked.path)
        raise SourceError(tracked.path, f"is another name of {other.path}")

    def _remember_left(self, inode: tuple[int, int], position: FilePosition) -> None:
        """Remember the position of a file that was replaced at its path."""
        if position.offset:
            self._left.pop(inode, None)
            self._left[inode] = position

        if len(self._left) > MAX_LEFT:
            del self._left[next(iter(self._left))]

    def _find_left_or_copied(
        self, tracked: TrackedFile, inode: tuple[int, int]
    ) -> FilePosition | None:
        left = self._left.pop(inode, None)
        if (
            left is not None
            and continuation_of(tracked, tracked.path, left) is not None
        ):
            return left

        namesakes = self._by_name[os.path.basename(tracked.path)]
        return copied_position(tracked, namesakes[-MAX_NAMESAKES:])

    def block_of(self, tracked: TrackedFile, stream: str) -> Block:
        """Return the block of *stream*, of a session that *tracked* carries."""
        if not stream:
            return tracked.block

        block = tracked.streams.get(stream)
        if block is None:
            own = tracked.block.origin
            origin = msgspec.structs.replace(
                own,
                block_id=stream_block_id(own.agent, tracked.path, stream),
                session_id=SessionId(stream),
            )
            block = self._streams[tracked.path][stream] = Block(origin)
            self._blocks.add(block, self._clock.unix_ms())
            _attach_stream(tracked, stream, block)

        return block

    def _adopt_source(
        self, found: ScanResult, kind: SourceKind, now_ms: int
    ) -> TrackedFile | None:
        """Return the source of *kind* that the file *found* is, or is a part of."""
        path = kind.source_of(found.path)
        place = found.tree.place(found.parts)
        if place is None:
            return None

        block = self._unclaimed.pop(path, None)
        if block is None:
            block = Block(self._source_origin(found.tree.agent, path, place))
            self._blocks.add(block, now_ms)

        tracked = self._add_source(block, path, kind)
        tracked.note(found.status)
        return tracked

    def _add_source(self, block: Block, path: str, kind: SourceKind) -> TrackedFile:
        cursor = block.position.cursor()
        source = BlockingSource(path, kind, self._clock, cursor)
        tracked = TrackedFile(block, source, size=block.position.size)
        self._by_path[path] = tracked
        for stream, each in self._streams[path].items():
            _attach_stream(tracked, stream, each)

        self._by_part.update(dict.fromkeys(source.paths[1:], tracked))
        if kind.is_folder:
            self._folders.update(dict.fromkeys(source.paths, tracked))

        return tracked

    def _source_origin(self, agent: str, path: str, place: Place) -> Origin:
        """Return the origin of a source's own block, which may be no session's."""
        origin = self._origin(agent, path, place)
        if place.session_id is not None:
            return origin

        block_id = stream_block_id(agent, path, "")
        return msgspec.structs.replace(origin, block_id=block_id)

    def _origin(self, agent: str, path: str, place: Place) -> Origin:
        return Origin(
            block_id=self._free_id(agent, _plain_path(path)),
            kind=Kind.TRANSCRIPT,
            agent=agent,
            path=path,
            session_id=place.session_id,
            parent_session_id=place.parent_session_id,
            project=place.project,
            cwd=place.cwd,
        )

    def _create(self, found: ScanResult, place: Place, now_ms: int) -> TrackedFile:
        origin = self._origin(found.tree.agent, found.path, place)
        block = Block(origin, position=FilePosition())
        tracked = TrackedFile(block, LineFile(found.path, self._handles))
        tracked.note(found.status)
        self._add(tracked)
        self._blocks.add(tracked.block, now_ms)
        return tracked

    def _rename(self, tracked: TrackedFile, found: ScanResult, place: Place) -> None:
        self._remove(tracked)
        tracked.moved_from = tracked.path
        self._handles.rename(tracked.path, found.path)
        tracked.tail.rename(found.path)
        self._add(tracked)
        tracked.note(found.status)
        tracked.block.rest()  # whose lines they are may have changed
        tracked.block.origin = msgspec.structs.replace(
            tracked.block.origin,
            path=found.path,
            session_id=place.session_id or tracked.block.origin.session_id,
            parent_session_id=place.parent_session_id,
            cwd=place.cwd or tracked.block.origin.cwd,
        )

    def _add(self, tracked: TrackedFile) -> None:
        self._by_path[tracked.path] = tracked
        self._by_name[_plain_name(tracked.path)].append(tracked)

    def _remove(self, tracked: TrackedFile) -> None:
        del self._by_path[tracked.path]
        self._by_name[_plain_name(tracked.path)].remove(tracked)

    def _free_id(self, agent: str, path: str) -> BlockId:
        """Return an id that follows from the path, so that a rebuilt store agrees."""
        for number in range(len(self._by_path) + 1):
            name = f"{agent}\0{path}\0{number}".encode()
            block_id = BlockId(hashlib.blake2b(name, digest_size=8).hexdigest())
            if self._blocks.get(block_id) is None:
                return block_id

        raise AssertionError("more ids in use than files are known")


def _attach_stream(tracked: TrackedFile, stream: str, block: Block) -> None:
    """Attach *block* to the source that carries it, to be stored with its cursor."""
    tracked.streams[stream] = block
    block.source = StreamLines(cast("BlockingSource", tracked.source), stream)
    if not tracked.block.siblings:
        tracked.block.siblings = [tracked.block]

    block.siblings = tracked.block.siblings
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
    """Return the path of a transcript before it was compressed, if it is."""
    return path.removesuffix(COMPRESSED)


def _kind_of_source(tree: Tree, parts: tuple[str, ...]) -> SourceKind | None:
    """Return how the source at *parts* is read: a folder has no place of its own."""
    if tree.kind is not None and tree.kind.is_folder:
        return tree.kind

    return tree.kind_of(parts)


def _plain_name(path: str) -> str:
    return os.path.basename(_plain_path(path))
