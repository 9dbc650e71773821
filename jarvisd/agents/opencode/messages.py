"""The words of a row of opencode, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, text_of, unix_ms
from jarvisd.agents.opencode.shape import OpencodeRow, RowTimes, is_transient
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(OpencodeRow)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the words of the part *text* and their speaker; None if it has none.

    A part of the agent is inserted empty, and has its words once it has ended.
    """
    row = decode(text, _DECODER)
    data = None if row is None else row.data
    if row is None or data is None or row.table != "part" or data.type != "text":
        return None

    role = _ROLES.get(row.owner_role or "")
    if role is None or data.synthetic or data.ignored or row.owner_mode == "compaction":
        return None

    times = data.time or RowTimes()
    is_growing = role is Role.ASSISTANT and data.time is not None and times.end is None
    words = text_of(data.text) or ""
    if is_growing or is_transient(data) or not words.strip():
        return None

    at_ms = row.owner_created if role is Role.USER else times.end or row.created
    return Said(role=role, content=words, at_ms=unix_ms(at_ms), key=row.id)
