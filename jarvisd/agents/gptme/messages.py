"""The words of a line of gptme, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.local_time import local_ms
from jarvisd.agents.gptme.read import key_of, words_of
from jarvisd.agents.gptme.shape import GptmeLine
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(GptmeLine)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_BY_PROGRAM = "<system>"


def spoken(text: bytes) -> Said | None:
    """Return the message in the line *text*; None if it is nobody's words."""
    line = decode(text, _DECODER)
    role = None if line is None else _ROLES.get(line.role)
    if line is None or role is None:
        return None

    words = words_of(line).strip()
    if not words or (role is Role.USER and words.startswith(_BY_PROGRAM)):
        return None

    return Said(
        role=role, content=words, at_ms=local_ms(line.timestamp), key=key_of(line)
    )
