"""A JSON document that is rewritten whole, as elements that are new or have changed."""

import os
from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.base.errors import SourceError
from jarvisd.base.json_guard import without_surrogates
from jarvisd.core.source import Batch, Budget, Item, ItemRef
from jarvisd.core.sources.document.description import (
    MAX_ELEMENTS,
    DocumentKind,
    Elements,
)
from jarvisd.core.sources.document.element_source import (
    KEY_PREFIX,
    REPORTED_AFTER_S,
    ElementChange,
    ElementSource,
    Handed,
    Order,
    item_of,
    whole_text,
)
from jarvisd.core.sources.document.element_table import (
    FileSignature,
    KnownElement,
    hash_of,
    signature_of,
)
from jarvisd.core.sources.document.settling import Settling
from jarvisd.core.sources.jsonlines.handles import open_regular

HALF_WRITTEN = "is no whole JSON document: it is being written, or damaged"
UNKNOWN_SHAPE = "is a JSON document of a shape that this version does not know"
TOO_MANY = f"has more than {MAX_ELEMENTS:,} elements"

_BOM = b"\xef\xbb\xbf"
_NO_ORDER: Order = (array("Q"), array("Q"))


@dataclass(slots=True)
class _Found:
    """An element that is new, has changed or is back."""

    key: str
    name: int
    digest: int
    body: msgspec.Raw
    stream: str
    known: KnownElement | None

    def item(self, body: bytes, written_ms: int | None) -> Item:
        """Return it as an item with the text *body*."""
        return item_of(self.key, body, self.known, self.stream, written_ms)


@dataclass(slots=True)
class _Look:
    """What one look at the document found, while it is handed out."""

    signature: FileSignature
    found: deque[_Found] = field(default_factory=deque)
    removed: list[int] = field(default_factory=list)
    order: dict[str, Order] = field(default_factory=dict)


class DocumentSource(ElementSource):
    """Reads one document of *kind*. Blocks: it is read on a thread."""

    def __init__(
        self, path: str, kind: DocumentKind, clock: Clock, cursor: bytes = b""
    ) -> None:
        super().__init__(path, clock, cursor)
        self._kind = kind
        self._settling = Settling(clock)
        self._look: _Look | None = None
        self._unparsed: FileSignature | None = None
        self._unparsed_until = 0.0

    def changed(self, seen: os.stat_result) -> bool:
        """Whether a file with this status is worth a call of `read`."""
        is_unfinished = self._look is not None or self._fault is not None
        return is_unfinished or signature_of(seen) != self._table.signature

    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the text of an element as it is now; None if it cannot be found."""
        try:
            text, _ = read_whole(self.path, self._kind.max_bytes)
            elements = self._kind.elements(self._decoded(text))
        except (SourceError, OSError, ValueError, RecursionError):
            return None

        names: set[int] = set()
        for group in elements:
            for index, body in enumerate(group.bodies):
                key, name, _ = _unique(group, index, body, names)
                if KEY_PREFIX + key == ref.key:
                    return whole_text(body)

                names.add(name)

        return None

    def _next(self, budget: Budget) -> Handed | Batch:
        if self._look is None:
            found = self._look_at_file()
            if isinstance(found, Batch):
                return found

            self._look = found

        look, size_bytes = self._look, 0
        mtime_ms = look.signature.mtime_ns // 1_000_000
        written_ms = mtime_ms if self._kind.is_dated else None
        changes: list[ElementChange] = []
        returned: list[tuple[int, KnownElement]] = []
        while look.found and len(changes) < budget.items:
            each = look.found[0]
            if each.known is not None and each.known.digest == each.digest:
                returned.append((each.name, each.known))
            else:
                body = whole_text(each.body)
                size_bytes += len(body)
                if changes and size_bytes > budget.size_bytes:
                    break

                item = each.item(body, written_ms)
                changes.append(ElementChange(each.name, each.digest, item))

            look.found.popleft()

        items = [each.item for each in changes]
        if look.found:
            return Handed(Batch(items, more=True), changes, returned)

        self._look = None
        return Handed(
            Batch(items, removed=len(look.removed)),
            changes,
            returned,
            look.removed,
            look.signature,
            look.order,
        )

    def _look_at_file(self) -> _Look | Batch:
        try:
            seen = signature_of(os.stat(self.path, follow_symlinks=False))
            if seen == self._table.signature:
                self._recovered()
                return Batch()

            wait_s = self._wait_s(seen)
            if not seen.size or wait_s > 0:  # an empty file is none yet, never nothing
                return self._waiting(wait_s if seen.size else None)

            began = self._clock.monotonic()
            try:
                return self._parsed(seen)
            finally:
                self._rest_after(began)
        except (FileNotFoundError, NotADirectoryError):
            self._recovered()
            return Batch(gone=True)
        except SourceError as exc:
            return self._failing(exc.path, exc.reason)
        except OSError as exc:
            return self._failing(self.path, exc.strerror or str(exc))

    def _wait_s(self, seen: FileSignature) -> float:
        """Return for how long to leave the file alone."""
        until = self._not_before
        if seen == self._unparsed:
            until = max(until, self._unparsed_until)

        return max(self._settling.wait_s(seen), until - self._clock.monotonic())

    def _parsed(self, seen: FileSignature) -> _Look | Batch:
        """Return the changes of the document, if it is one and nobody writes to it."""
        text, read = read_whole(self.path, self._kind.max_bytes)
        reason = None
        try:
            document = self._decoded(text)
        except msgspec.ValidationError:
            reason = UNKNOWN_SHAPE
        except (ValueError, RecursionError):
            reason = HALF_WRITTEN

        if (
            read != seen
            or signature_of(os.stat(self.path, follow_symlinks=False)) != read
        ):
            return self._waiting(self._settling.wait_s(read))

        if reason is None:
            look = self._compared(self._kind.elements(document), read)
            if look is not None:
                self._recovered()
                return look

            reason = TOO_MANY

        batch = self._failing(self.path, reason, reported_after_s=REPORTED_AFTER_S)
        self._unparsed = seen
        self._unparsed_until = self._clock.monotonic() + (batch.retry_s or 0.0)
        return batch

    def _decoded(self, text: bytes) -> Any:
        """Return the document that *text* is, with U+FFFD for halves of surrogate pairs.

        Agents cut titles in the middle of an emoji. The decoder refuses all of the text
        for it, also where it skips that field.
        """
        decoder = _decoder(self._kind.shape)
        try:
            return decoder.decode(text)
        except msgspec.ValidationError:
            raise
        except ValueError:
            mended = without_surrogates(text)
            if mended == text:
                raise

            return decoder.decode(mended)

    def _compared(
        self, groups: Iterable[Elements], signature: FileSignature
    ) -> _Look | None:
        """Return the new and changed elements, or None if there are too many."""
        table = self._table
        look = _Look(signature)
        names: set[int] = set()
        known_count = 0
        for number, group in enumerate(groups):
            place = f"{number}:{group.stream}/{group.kind}"
            before = self._order.get(place, _NO_ORDER)
            order = look.order[place] = (array("Q"), array("Q"))
            for index, body in enumerate(group.bodies):
                digest = hash_of(body)
                key, name, nth = "", _name_at(before, index, digest, group), 1
                if not name or name in names:
                    key, name, nth = _unique(group, index, body, names)

                names.add(name)
                if len(names) > MAX_ELEMENTS:
                    return None

                order[0].append(digest)
                # What stands before it makes it the second of its name.
                order[1].append(name if nth == 1 else 0)
                known = table.get(name)
                known_count += known is not None and not known.is_removed
                if known is None or known.digest != digest or known.is_removed:
                    key = key or _key(group, index, body)
                    look.found.append(
                        _Found(key, name, digest, body, group.stream, known)
                    )

        if known_count < table.present:
            look.removed = [
                name
                for name, known in table
                if not known.is_removed and name not in names
            ]

        return look


def read_whole(path: str, max_bytes: int) -> tuple[bytes, FileSignature]:
    """Return all of the file *path*, and its signature before it was read.

    Raises:
        FileNotFoundError: It is gone.
        SourceError: It is longer than *max_bytes*, may not be read, or is no regular
            file.

    """
    fd = open_regular(path)
    try:
        read = signature_of(os.fstat(fd))
        if read.size > max_bytes:
            raise SourceError(path, f"is longer than can be read ({max_bytes:,} bytes)")

        pieces, left = [], read.size + 1
        while left and (piece := os.read(fd, left)):
            pieces.append(piece)
            left -= len(piece)

        return b"".join(pieces).removeprefix(_BOM), read
    finally:
        os.close(fd)


def _name_at(before: Order, index: int, digest: int, group: Elements) -> int:
    """Return the name of an element that stands where it stood, as it was; else 0."""
    digests, hashes = before
    if not callable(group.names) or index >= len(digests):
        return 0

    return hashes[index] if digests[index] == digest else 0


def _key(group: Elements, index: int, body: msgspec.Raw) -> str:
    find = group.names
    name = find(index, body) if callable(find) else find[index]
    kind = f"{group.stream}/{group.kind}" if group.stream else group.kind
    return f"{kind}/{name}"


def _unique(
    group: Elements, index: int, body: msgspec.Raw, names: set[int]
) -> tuple[str, int, int]:
    """Return the key of an element, its hash, and which of its name it is."""
    key = first = _key(group, index, body)
    name, number = hash_of(key), 1
    while name in names:
        number += 1
        key = f"{first}#{number}"
        name = hash_of(key)

    return key, name, number


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)
