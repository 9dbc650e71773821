"""The words of a Codex line, asked for only where conversations are recorded.

They are taken from what the user saw: messages of `event_msg`, as items in newer
versions, and not from their twins in `response_item`, which hold what was injected.
"""

from collections.abc import Iterator

import msgspec

from jarvisd.agents._shared.decode import decode, text_of, unix_ms
from jarvisd.agents.codex.prose import is_human, texts_in
from jarvisd.agents.codex.shape import RolloutLine, RolloutPayload
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(RolloutLine)
_ROLES = {
    "user_message": Role.USER,
    "agent_message": Role.ASSISTANT,
    "UserMessage": Role.USER,
    "AgentMessage": Role.ASSISTANT,
}


def spoken(text: bytes) -> Said | None:
    """Return the message in the line *text*; None if it holds none."""
    line = decode(text, _DECODER)
    payload = None if line is None else line.payload
    if line is None or payload is None or line.type != "event_msg":
        return None

    kind = payload.type if payload.item is None else payload.item.type
    role = _ROLES.get(kind)
    if role is None:
        return None

    words = [each for each in _texts(payload) if each.strip()]
    if role is Role.USER:
        words = [each for each in words if is_human(each)]

    if not words:
        return None

    return Said(
        role=role,
        content="\n\n".join(words),
        at_ms=unix_ms(line.timestamp),
        key=payload.id if payload.item is None else payload.item.id,
    )


def _texts(payload: RolloutPayload) -> Iterator[str]:
    if payload.item is not None:
        yield from texts_in(payload.item.content)
    else:
        yield text_of(payload.message) or ""
