"""The words of an event of OpenHands, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.local_time import local_ms
from jarvisd.agents.openhands.read import words_of
from jarvisd.agents.openhands.shape import OpenHandsItem
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(OpenHandsItem)


def spoken(text: bytes) -> Said | None:
    """Return the message in the item *text*; None if it has no words."""
    item = decode(text, _DECODER)
    if item is None or item.kind != "MessageEvent":
        return None

    words = words_of(item)
    if not words.strip():
        return None

    role = Role.USER if item.source == "user" else Role.ASSISTANT
    return Said(role=role, content=words, at_ms=local_ms(item.timestamp), key=item.id)
