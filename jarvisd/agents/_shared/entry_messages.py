"""The words of an entry of a session tree, as pi and OpenClaw write them."""

import msgspec

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.agents._shared.entry_shape import TreeEntry
from jarvisd.agents._shared.session_entries import texts_in
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(TreeEntry)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the entry *text*; None if it is nobody's words."""
    entry = decode(text, _DECODER)
    message = None if entry is None or entry.type != "message" else entry.message
    role = None if message is None else _ROLES.get(message.role)
    if entry is None or message is None or role is None:
        return None

    words = [each for each in texts_in(message) if each.strip()]
    if not words or message.attribution == "agent":
        return None

    return Said(
        role=role,
        content="\n\n".join(words),
        at_ms=unix_ms(entry.timestamp),
        key=entry.key,
    )
