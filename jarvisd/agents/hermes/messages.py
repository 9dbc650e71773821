"""The words of a row of Hermes, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, text_of, unix_ms
from jarvisd.agents.hermes.counters import answer_key
from jarvisd.agents.hermes.shape import HermesRow
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(HermesRow)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_REPORT = "[ASYNC DELEGATION"


def spoken(text: bytes) -> Said | None:
    """Return the words of the message *text* and their speaker; None if it has none."""
    row = decode(text, _DECODER)
    role = None if row is None or row.table != "messages" else _ROLES.get(row.role)
    if row is None or role is None:
        return None

    words = text_of(row.content) or ""
    if not words.strip() or words.startswith(_REPORT):
        return None

    key = answer_key(row.session, row.id)
    return Said(role=role, content=words, at_ms=unix_ms(row.at), key=key)
