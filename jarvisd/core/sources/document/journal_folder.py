"""A folder whose files of lines and documents are one session together.

Some agents append to a journal, and fold it into documents from time to time: the
journal begins again, and its former files are deleted. Only both together tell what a
session used, so they are one stream with one reader. An agent names the parts by their
paths, and the order in which they are read.
"""

import os
from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.core.discovery.scan import is_utf8
from jarvisd.core.source import Batch, Budget, Fault, Item, ItemRef
from jarvisd.core.sources.document.description import DocumentKind
from jarvisd.core.sources.document.document_source import DocumentSource
from jarvisd.core.sources.document.element_source import KEY_PREFIX
from jarvisd.core.sources.document.part_folder import PartFolder
from jarvisd.core.sources.jsonlines.lines import CONTINUATION, MAX_LINE_BYTES, is_blank

MAX_PARTS = 4096
"""Parts of one folder that are read: far more than any session has."""

_MAX_DEPTH = 3
_HEAD_BYTES = 256
_HEAD_DIGEST_BYTES = 8
_NO_LINKS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FolderPart(msgspec.Struct, frozen=True):
    """One file of a folder: a document, or a file of lines.

    Attributes:
        order: Parts with the least are read first, those of one order by their paths.
        document: What it is as a document; None: a file of lines.

    """

    order: int
    document: DocumentKind | None = None


class JournalFolderKind(msgspec.Struct, frozen=True):
    """The parts of a folder.

    Attributes:
        part_of: Given the path of a file below the folder, which part it is; None if
            it is none.

    """

    part_of: Callable[[str], FolderPart | None]


class LinesCursor(msgspec.Struct, frozen=True, array_like=True):
    """How far a file of lines was read, and the digest of its beginning up to there."""

    offset: int = 0
    head: bytes = b""


_LINES_CURSOR = msgspec.msgpack.Decoder(LinesCursor)


class AppendedLines:
    """Reads the lines of one file that is only appended to."""

    def __init__(self, path: str, cursor: bytes = b"") -> None:
        self.path = path
        try:
            self._cursor = _LINES_CURSOR.decode(cursor) if cursor else LinesCursor()
        except msgspec.DecodeError:
            self._cursor = LinesCursor()  # the ledger merges what comes again

        self._next: tuple[Batch, LinesCursor] | None = None

    def read(self, budget: Budget) -> Batch:
        """Return the next lines; the same ones until they are applied."""
        if self._next is None:
            descriptor = os.open(self.path, _NO_LINKS)
            try:
                found = self._read(descriptor, budget)
            finally:
                os.close(descriptor)

            if found is None:
                return Batch()

            self._next = found

        return self._next[0]

    def applied(self, batch: Batch) -> None:
        """Move the cursor past *batch*."""
        if self._next is not None and batch is self._next[0]:
            self._cursor = self._next[1]
            self._next = None

    def cursor(self) -> bytes:
        """Return how far it was read."""
        return msgspec.msgpack.encode(self._cursor)

    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the text of a line as it is now; None if it cannot be found."""
        offset = ref.key.removeprefix(KEY_PREFIX)
        try:
            with open(self.path, "rb") as file:
                file.seek(int(offset))
                return file.readline(MAX_LINE_BYTES).removesuffix(b"\n") or None
        except (OSError, ValueError):
            return None

    def _read(
        self, descriptor: int, budget: Budget
    ) -> tuple[Batch, LinesCursor] | None:
        offset = self._cursor.offset
        if offset and _head(descriptor, offset) != self._cursor.head:
            offset = 0  # another file has taken the name, or it was written anew

        size = budget.size_bytes
        while True:
            text = os.pread(descriptor, size, offset)
            end = text.rfind(b"\n") + 1
            if end or len(text) < size:
                break

            if size > MAX_LINE_BYTES:
                raise ValueError(f"the line at {offset} is too long")

            size *= 4

        items: list[Item] = []
        for line in text[:end].split(b"\n")[:-1]:
            if not is_blank(line):
                items.append(_item(offset, line))

            offset += len(line) + 1
            if len(items) >= budget.items:
                break

        if offset == self._cursor.offset:
            return None

        return Batch(items=items, more=True), LinesCursor(
            offset, _head(descriptor, offset)
        )


def _head(descriptor: int, offset: int) -> bytes:
    text = os.pread(descriptor, min(offset, _HEAD_BYTES), 0)
    return blake2b(text, digest_size=_HEAD_DIGEST_BYTES).digest()


def _item(offset: int, text: bytes) -> Item:
    chars = len(text.translate(None, CONTINUATION))
    return Item(ItemRef(f"{KEY_PREFIX}{offset}"), "", text, chars)


Part = AppendedLines | DocumentSource


class JournalFolder(PartFolder[Part]):
    """Reads the parts of one folder. Blocks: it is read on a thread."""

    between = "//"

    def __init__(
        self, path: str, kind: JournalFolderKind, clock: Clock, cursor: bytes = b""
    ) -> None:
        super().__init__(path, clock, cursor)
        self._kind = kind

    def read(self, budget: Budget) -> Batch:
        """Return the next items; the same ones until they are applied."""
        if self._handed is not None:
            return self._handed[2]

        if not os.path.isdir(self.path):
            return Batch(gone=True)

        self._find_parts()
        retries: list[float] = []
        for name, part in self._parts.items():
            batch = self._read_part(name, part, budget)
            if batch.items or (batch.more and isinstance(part, AppendedLines)):
                return self._hand_out(name, part, batch)

            part.applied(batch)  # without items it moves no count
            if batch.retry_s is None:
                continue

            retries.append(batch.retry_s)
            if batch.fault is None:
                break  # it settles in a moment, and those behind it rest on it

        return Batch(retry_s=min(retries, default=None), fault=self._fault())

    def cursor(self) -> bytes:
        """Return the encoded cursors of the parts that are there."""
        found = {name: part.cursor() for name, part in self._parts.items()}
        return msgspec.msgpack.encode(found or self._saved)

    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the text of an item as it is now; None if it cannot be found."""
        name, own = self._part_of(ref)
        part = self._parts.get(name) or self._open_part(name)
        return None if part is None else part.locate(own)

    def rewritten(self) -> list[str]:
        """Return the paths of the parts, which change without a change of a folder."""
        return [part.path for part in tuple(self._parts.values())]

    def _read_part(self, name: str, part: Part, budget: Budget) -> Batch:
        self._faults.pop(name, None)
        try:
            batch = part.read(budget)
        except FileNotFoundError:
            return Batch()  # folded meanwhile
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            batch = Batch(fault=Fault(part.path, reason, self._clock.unix_ms()))

        if batch.fault is not None:
            self._faults[name] = batch.fault

        return batch

    def _find_parts(self) -> None:
        """Open the parts that are new, and forget those that are gone, in order."""
        found = []
        for name in _files_below(self.path):
            part = self._kind.part_of(name)
            if part is not None:
                found.append((part.order, name))

        names = [name for _, name in sorted(found)[:MAX_PARTS]]
        parts = {name: self._parts.get(name) or self._open_part(name) for name in names}
        self._parts = {name: each for name, each in parts.items() if each is not None}
        self._faults = {
            name: each for name, each in self._faults.items() if name in parts
        }

    def _open_part(self, name: str) -> Part | None:
        part = self._kind.part_of(name)
        if part is None:
            return None

        path, cursor = f"{self.path}/{name}", self._saved.get(name, b"")
        if part.document is None:
            return AppendedLines(path, cursor)

        return DocumentSource(path, part.document, self._clock, cursor)


def _files_below(folder: str, below: str = "", depth: int = 1) -> Iterator[str]:
    """Yield the paths of files below *folder*, but for hidden ones and links."""
    try:
        with os.scandir(folder) as entries:
            found = [each for each in entries if not each.name.startswith(".")]
    except OSError:
        return  # a folder that was folded meanwhile; its parent shows what is wrong

    for each in found:
        if not is_utf8(each.name):
            continue

        if each.is_dir(follow_symlinks=False):
            if depth < _MAX_DEPTH:
                yield from _files_below(each.path, f"{below}{each.name}/", depth + 1)
        elif each.is_file(follow_symlinks=False):
            yield f"{below}{each.name}"
