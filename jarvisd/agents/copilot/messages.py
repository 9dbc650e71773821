"""The words of a line of Copilot CLI, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, text_of, unix_ms
from jarvisd.agents.copilot.read import is_persons
from jarvisd.agents.copilot.shape import CopilotLine
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(CopilotLine)
_ROLES = {"user.message": Role.USER, "assistant.message": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the line *text*; None if it is nobody's words."""
    line = decode(text, _DECODER)
    if line is None or line.data is None or line.agent_id is not None:
        return None

    role, data = _ROLES.get(line.type), line.data
    if role is None or (role is Role.USER and not is_persons(line, data)):
        return None

    words = text_of(data.content) or ""
    if not words.strip():
        return None

    return Said(role=role, content=words, at_ms=unix_ms(line.timestamp), key=line.id)
