"""The words of a message of Gemini CLI, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.agents.gemini.prose import own_words, texts_in
from jarvisd.agents.gemini.shape import GeminiMessage
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(GeminiMessage)
_ROLES = {"user": Role.USER, "gemini": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the item *text*; None if it is nobody's words."""
    message = decode(text, _DECODER)
    role = None if message is None else _ROLES.get(message.type)
    if message is None or role is None:
        return None

    words = (
        own_words(message)
        if role is Role.USER
        else "\n\n".join(texts_in(message.content))
    )
    if words is None or not words.strip():
        return None

    return Said(
        role=role, content=words, at_ms=unix_ms(message.timestamp), key=message.id
    )
