"""The words of a message of mini, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.agents.mini.read import words_of
from jarvisd.agents.mini.shape import MiniExtra, MiniItem
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(MiniItem)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the element *text*; None if it has no words."""
    item = decode(text, _DECODER)
    role = None if item is None else _ROLES.get(item.role)
    if item is None or role is None:
        return None

    words, extra = words_of(item), item.extra or MiniExtra()
    at = item.written_at if extra.timestamp is None else extra.timestamp
    return Said(role=role, content=words, at_ms=unix_ms(at)) if words.strip() else None
