"""The words of a line of Qwen Code, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.agents.qwen.read import is_persons, words_of
from jarvisd.agents.qwen.shape import QwenLine
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(QwenLine)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the line *text*; None if it is nobody's words."""
    line = decode(text, _DECODER)
    role = None if line is None or line.is_sidechain else _ROLES.get(line.type)
    if line is None or role is None or (role is Role.USER and not is_persons(line)):
        return None

    words = words_of(line)
    if not words.strip():
        return None

    return Said(role=role, content=words, at_ms=unix_ms(line.timestamp), key=line.uuid)
