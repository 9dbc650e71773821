"""The words of an item of Mistral Vibe, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, text_of, unix_ms
from jarvisd.agents.vibe.read import texts_of
from jarvisd.agents.vibe.shape import VibeEntry, VibeItem
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(VibeItem)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the item *text*; None if it is nobody's words."""
    item = decode(text, _DECODER)
    if item is None:
        return None

    if item.type == "projection_delta" and item.payload is not None:
        delta = item.payload.delta or ()
        entries = [each.entry for each in delta if each.op == "append_entry"]
        found = (_said_in(each) for each in entries if each is not None)
        return next((each for each in found if each is not None), None)

    if item.type == "entry":
        return None if item.entry is None else _said_in(item.entry)

    role, words = _ROLES.get(item.role or ""), text_of(item.content) or ""
    if item.type or role is None or item.injected or not words.strip():
        return None

    key = item.message_id or item.reasoning_message_id
    return Said(role=role, content=words, key=key)


def _said_in(entry: VibeEntry) -> Said | None:
    role = _ROLES.get(entry.role or "") if entry.type == "message" else None
    words = [each for each in texts_of(entry) if each.strip()]
    if role is None or not words:
        return None

    return Said(
        role=role,
        content="\n\n".join(words),
        at_ms=unix_ms(entry.created_at),
        key=entry.id,
    )
