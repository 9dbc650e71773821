"""Any agent's line, but for what happened in it: when it was written, where, and whose.

For blocks whose lines are only counted. What is malformed is the same as for the
agent's own parser: whatever is no JSON object.
"""

import msgspec

from jarvisd.agents.decode import decode, unix_ms
from jarvisd.model.block import SessionId
from jarvisd.model.record import Record


class _Payload(msgspec.Struct, gc=False):
    cwd: str | None = None


class _Line(msgspec.Struct, gc=False):
    timestamp: str | float | None = None
    cwd: str | None = None
    session_id: str | None = msgspec.field(default=None, name="sessionId")
    payload: _Payload | None = None


_DECODER = msgspec.json.Decoder(_Line)


def parse(text: bytes, *, offset: int) -> Record | None:
    """Return a record without events, or None if *text* is no JSON object."""
    line = decode(text, _DECODER)
    if line is None:
        return None

    return Record(
        kind="",
        at_ms=unix_ms(line.timestamp),
        session_id=SessionId(line.session_id) if line.session_id else None,
        cwd=line.cwd or (line.payload and line.payload.cwd) or None,
        offset=offset,
    )
