"""A folder whose documents are one session together, perhaps with a folder of events.

Agents keep the messages of a session in one document and its title, status or usage in
another. As one source they are one stream with one reader, so that a status finds the
calls that it is about. Events are read first, then the documents in the order of their
kinds, each by a source of its own; the cursor holds theirs by name.
"""

import os

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.core.discovery.scan import is_utf8
from jarvisd.core.source import Batch, Budget, Fault, ItemRef
from jarvisd.core.sources.document.description import SessionFolderKind
from jarvisd.core.sources.document.document_source import DocumentSource
from jarvisd.core.sources.document.element_source import ElementSource
from jarvisd.core.sources.document.event_folder import EventFolder
from jarvisd.core.sources.document.part_folder import PartFolder

MAX_DOCUMENTS = 4096
"""Documents of one folder that are read: far more than any session has."""

_NTH = "+"


class SessionFolder(PartFolder[ElementSource]):
    """Reads the documents and events of one folder. Blocks: it is read on a thread."""

    def __init__(
        self, path: str, kind: SessionFolderKind, clock: Clock, cursor: bytes = b""
    ) -> None:
        super().__init__(path, clock, cursor)
        self._kind = kind

    def read(self, budget: Budget) -> Batch:
        """Return the next items; the same ones until they are applied."""
        if self._handed is not None:
            return self._handed[2]

        try:
            parts = self._find_parts()
        except (FileNotFoundError, NotADirectoryError):
            return Batch(gone=True)
        except OSError as exc:
            reason = exc.strerror or str(exc)
            fault = Fault(self.path, reason, self._clock.unix_ms())
            return Batch(fault=fault, retry_s=1.0)

        retries: list[float] = []
        for name, part in parts.items():
            batch = part.read(budget)
            self._faults.pop(name, None)
            if batch.fault is not None:
                self._faults[name] = batch.fault

            if batch.items:
                return self._hand_out(name, part, batch)

            part.applied(batch)  # without items it moves no count
            if batch.retry_s is not None:
                retries.append(batch.retry_s)

        return Batch(retry_s=min(retries, default=None), fault=self._fault())

    def cursor(self) -> bytes:
        """Return the encoded cursors of all parts that were ever read."""
        found = {name: part.cursor() for name, part in self._parts.items()}
        return msgspec.msgpack.encode({**self._saved, **found})

    @property
    def has_removed(self) -> bool:
        """Whether elements were counted that the folder does not have any more."""
        parts = (self._open_part(name) for name in {*self._saved, *self._parts})
        return any(part is None or part.has_removed for part in parts)

    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the text of an element as it is now; None if it cannot be found."""
        name, own = self._part_of(ref)
        part = self._open_part(name)
        return None if part is None else part.locate(own)

    def rewritten(self) -> list[str]:
        """Return the paths of the documents, which change without a change of the folder."""
        return [
            part.path
            for part in tuple(self._parts.values())  # asked while a thread reads
            if isinstance(part, DocumentSource)
        ]

    def _find_parts(self) -> dict[str, ElementSource]:
        """Return the parts that are there now, in the order of reading."""
        kind = self._kind
        found: list[tuple[int, str]] = []
        for name in filter(is_utf8, os.listdir(self.path)):
            if name == kind.events_folder:
                found.append((-(2**31), name))

            documents = kind.documents_of(name)
            found += (
                (each.order, f"{name}{_NTH * n}") for n, each in enumerate(documents)
            )

        names = [name for _, name in sorted(found)[:MAX_DOCUMENTS]]
        parts = {name: self._open_part(name) for name in names}
        return {name: part for name, part in parts.items() if part is not None}

    def _open_part(self, name: str) -> ElementSource | None:
        """Return the part *name*: a file, behind which stands a mark for a further kind."""
        part = self._parts.get(name)
        if part is not None:
            return part

        kind, file = self._kind, name.rstrip(_NTH)
        path, cursor = f"{self.path}/{file}", self._saved.get(name, b"")
        nth, documents = len(name) - len(file), kind.documents_of(file)
        if name == kind.events_folder and kind.events is not None:
            part = EventFolder(path, kind.events, self._clock, cursor)
        elif nth < len(documents):
            part = DocumentSource(path, documents[nth], self._clock, cursor)
        else:
            return None

        self._parts[name] = part
        return part
