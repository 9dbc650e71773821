"""A folder of JSON files that are written once each: an item a file, in name order.

A file that was read is not looked at again. One that is half written holds back those
after it, for as long as it may still be written; then it is reported and passed over,
and read out of turn should it become whole.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.base.errors import SourceError
from jarvisd.core.discovery.scan import is_utf8
from jarvisd.core.source import Batch, Budget, Fault, ItemRef
from jarvisd.core.sources.document.description import FolderKind
from jarvisd.core.sources.document.document_source import HALF_WRITTEN, read_whole
from jarvisd.core.sources.document.element_source import (
    KEY_PREFIX,
    MAX_RETRY_S,
    REPORTED_AFTER_S,
    ElementChange,
    ElementSource,
    Handed,
    item_of,
)
from jarvisd.core.sources.document.element_table import (
    ElementTable,
    FileSignature,
    KnownElement,
    hash_of,
    signature_of,
)
from jarvisd.core.sources.document.settling import SETTLE_S, Settling

FOLDER_RESTS_S = 1.0
"""A folder that changed later than this before it was listed may have changed once more
within the same tick of the clock, and is listed again."""

_DECODER = msgspec.json.Decoder()


@dataclass(slots=True)
class _Unread:
    """A file that is not whole yet, or cannot be read."""

    settling: Settling
    since: float
    since_ms: int
    reason: str | None = None
    retry_at: float = 0.0
    signature: FileSignature | None = None
    """Of the file as it could not be read."""

    def is_reported(self, now: float) -> bool:
        """Whether it has been so for too long to be waited for."""
        return self.reason is not None and now - self.since >= REPORTED_AFTER_S


class EventFolder(ElementSource):
    """Reads the files of one folder. Blocks: it is read on a thread."""

    def __init__(
        self, path: str, kind: FolderKind, clock: Clock, cursor: bytes = b""
    ) -> None:
        super().__init__(path, clock, cursor)
        self._kind = kind
        self._unread: dict[str, _Unread] = {}
        self._listing: _Listing | None = None

    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the text of a file as it is now; None if it cannot be read."""
        name = ref.key.removeprefix(KEY_PREFIX)
        if "/" in name or not self._kind.is_event(name):
            return None

        try:
            return read_whole(os.path.join(self.path, name), self._kind.max_bytes)[0]
        except (SourceError, OSError):
            return None

    def _next(self, budget: Budget) -> Handed | Batch:
        if self._listing is None:
            found = self._list()
            if isinstance(found, Batch):
                return found

            self._listing = found

        listing, size_bytes = self._listing, 0
        changes: list[ElementChange] = []
        while listing.names and len(changes) < budget.items:
            name = listing.names[-1]
            text = self._whole(name)
            if text is not None:
                size_bytes += len(text)
                changes.append(
                    ElementChange(hash_of(name), hash_of(text), item_of(name, text))
                )
            elif not self._may_be_passed_over(name):
                # Those after it are listed again; that they rest is noted from now on.
                for each in listing.names[-2 : -2 - budget.items : -1]:
                    self._unread_at(each)

                listing.names.clear()
                break

            listing.names.pop()
            if size_bytes >= budget.size_bytes:
                break

        items = [each.item for each in changes]
        self._note_fault()
        if listing.names:
            return Handed(Batch(items, more=True, fault=self._fault), changes)

        self._listing = None
        self._rest_after(listing.began)
        retry_s = self._retry_s(listing)
        return Handed(
            Batch(
                items,
                removed=len(listing.removed),
                retry_s=retry_s,
                fault=self._fault,
            ),
            changes,
            listing.returned,
            listing.removed,
            listing.signature if retry_s is None else FileSignature(),
        )

    def _list(self) -> "_Listing | Batch":
        """Return the new, returned and removed files, if there may be any."""
        began = self._clock.monotonic()
        try:
            seen = os.stat(self.path)
            if signature_of(seen) == self._table.signature:
                return Batch()

            if began < self._not_before:
                return self._waiting(self._not_before - began)

            names = [each for each in os.listdir(self.path) if self._is_event(each)]
        except (FileNotFoundError, NotADirectoryError):
            self._unread.clear()
            self._recovered()
            return Batch(gone=True)
        except OSError as exc:
            return self._failing(self.path, exc.strerror or str(exc))

        self._recovered()
        present = {hash_of(name): name for name in names}
        self._unread = {
            name: each
            for name, each in self._unread.items()
            if hash_of(name) in present
        }
        return _compared(self._table, present, began, signature_of(seen))

    def _is_event(self, name: str) -> bool:
        return is_utf8(name) and self._kind.is_event(name)

    def _unread_at(self, name: str) -> _Unread:
        """Return the state of the unread file *name*, and begin one if it has none."""
        unread = self._unread.get(name)
        if unread is None:
            clock = self._clock
            unread = self._unread[name] = _Unread(
                Settling(clock), clock.monotonic(), clock.unix_ms()
            )
            with suppress(OSError):
                path = os.path.join(self.path, name)
                seen = signature_of(os.stat(path, follow_symlinks=False))
                unread.retry_at = clock.monotonic() + unread.settling.wait_s(seen)

        return unread

    def _whole(self, name: str) -> bytes | None:
        """Return the text of a file that is whole and at rest.

        One that is not is among the unread ones afterwards, unless it is gone.
        """
        now, path = self._clock.monotonic(), os.path.join(self.path, name)
        unread = self._unread_at(name)
        seen = None
        try:
            seen = signature_of(os.stat(path, follow_symlinks=False))
            if seen == unread.signature and now < unread.retry_at:
                return None

            wait_s = unread.settling.wait_s(seen)
            if wait_s:
                unread.retry_at = now + wait_s
                return None

            text, read = read_whole(path, self._kind.max_bytes)
            _DECODER.decode(text)
            if (
                read != seen
                or signature_of(os.stat(path, follow_symlinks=False)) != read
            ):
                unread.retry_at = now + SETTLE_S
                return None
        except FileNotFoundError:
            del self._unread[name]
            return None
        except SourceError as exc:
            unread.reason = exc.reason
        except OSError as exc:
            unread.reason = exc.strerror or str(exc)
        except (ValueError, RecursionError):
            unread.reason = HALF_WRITTEN
        else:
            del self._unread[name]
            return text

        unread.signature = seen
        unread.retry_at = now + min(MAX_RETRY_S, max(SETTLE_S, now - unread.since))
        return None

    def _may_be_passed_over(self, name: str) -> bool:
        """Whether the files after *name* need not wait for it."""
        unread = self._unread.get(name)
        return unread is None or unread.is_reported(self._clock.monotonic())

    def _note_fault(self) -> None:
        now = self._clock.monotonic()
        reported = [
            each for each in self._unread if self._unread[each].is_reported(now)
        ]
        self._fault = None
        if reported:
            name = min(reported)
            each = self._unread[name]
            path = os.path.join(self.path, name)
            self._fault = Fault(path, each.reason or "", each.since_ms)

    def _retry_s(self, listing: "_Listing") -> float | None:
        """Return when to list the files again though no change may be seen."""
        now = self._clock.monotonic()
        waits = [each.retry_at - now for each in self._unread.values()]
        changed_ms = (
            max(listing.signature.mtime_ns, listing.signature.ctime_ns) // 10**6
        )
        if abs(self._clock.unix_ms() - changed_ms) < FOLDER_RESTS_S * MS_PER_S:
            waits.append(FOLDER_RESTS_S)

        if not waits:
            return None

        return max(0.0, min(waits), self._not_before - now)


@dataclass(slots=True)
class _Listing:
    """The files of a folder that are not known as they are."""

    began: float
    signature: FileSignature
    names: list[str] = field(default_factory=list)
    """Those that are to be read, last one first."""
    returned: list[tuple[int, KnownElement]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)


def _compared(
    table: ElementTable, present: dict[int, str], began: float, signature: FileSignature
) -> _Listing:
    """Return the new, returned and removed files, given those *present* by hash."""
    listing = _Listing(began, signature)
    for key, name in present.items():
        known = table.get(key)
        if known is None:
            listing.names.append(name)
        elif known.is_removed:
            listing.returned.append((key, known))

    listing.names.sort(reverse=True)
    still = len(present) - len(listing.names) - len(listing.returned)
    if still < table.present:
        listing.removed = [
            key for key, known in table if not known.is_removed and key not in present
        ]

    return listing
