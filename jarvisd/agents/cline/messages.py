"""The words of an element of Cline, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.agents.cline.prose import prompt_of, words_of
from jarvisd.agents.cline.shape import ClineItem
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(ClineItem)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the element *text*; None if it has no words."""
    item = decode(text, _DECODER)
    role = None if item is None else _ROLES.get(item.role)
    if item is None or role is None:
        return None

    is_prompt = role is Role.USER
    words = prompt_of(item).text if is_prompt else words_of(item)
    words = words.strip()
    if not words:
        return None

    return Said(role=role, content=words, at_ms=unix_ms(item.ts), key=item.id)
