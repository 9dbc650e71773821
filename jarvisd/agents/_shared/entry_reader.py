"""Reads the entries of one session tree: lines of pi, rows and lines of OpenClaw."""

from contextlib import suppress

import msgspec

from jarvisd.agents._shared.decode import UNDECODED, decode_strange, unix_ms
from jarvisd.agents._shared.entry_shape import TreeEntry
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents._shared.session_entries import (
    ROLES,
    SPEAKERS,
    TYPES,
    EntryMemory,
    events_of,
    lacks_counts,
)
from jarvisd.core.agent import ReaderContext
from jarvisd.core.record import Drift, DriftKind, Record

_DECODE = msgspec.json.Decoder(TreeEntry).decode
_MEMORY = msgspec.msgpack.Decoder(EntryMemory)
_ENCODE = msgspec.msgpack.Encoder().encode
condense = condenser_of(TreeEntry)


class EntryReader:
    """Reads the entries of one session.

    Attributes:
        is_named: The name of the source says whose they are.
        entries: What is remembered of the entries so far.

    """

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self.is_named = context.session_id is not None
        self.entries = EntryMemory()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is damaged is none
                self.entries = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the entry *text*, or None if it is malformed."""
        left_out = 0
        try:
            entry = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, TreeEntry, error)
            if found is None:
                return None

            entry = found

        message, memory = entry.message, self.entries
        at_ms = unix_ms(entry.timestamp or entry.updated_at)
        if entry.type == "session" and memoryview(entry.parent_session):
            memory.forked_ms = at_ms

        role = "" if message is None or entry.type != "message" else message.role
        kind = f"{entry.type}:{role}" if role else entry.type
        is_known = entry.type in TYPES and (not role or role in ROLES)
        copied = at_ms is not None and at_ms < (memory.forked_ms or 0)
        return Record(
            kind=kind,
            at_ms=at_ms,
            # A subagent's header has an id of its own, which its file's name has not.
            session_id=None if self.is_named else entry.header_session,
            parent_session_id=entry.started_by or None,
            cwd=(entry.cwd or None) if entry.type == "session" else None,
            key=entry.key,
            offset=offset,
            speaker=SPEAKERS.get(role),
            copied=copied,
            drift=() if is_known else (Drift(DriftKind.RECORD_TYPE, kind),),
            lacks_tokens=(
                role == "assistant"
                and message is not None
                and lacks_counts(message.usage)
            ),
            left_out=left_out,
            events=tuple(events_of(entry, memory)),
        )

    def memory(self) -> bytes:
        """Return the encoded memory; b"" if it cannot be encoded."""
        try:
            return _ENCODE(self.entries)
        except (OverflowError, TypeError, ValueError):
            return b""
