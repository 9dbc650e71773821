"""The words of a line of Kimi, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode, text_of, unix_ms
from jarvisd.agents.kimi.read import is_human, texts_in
from jarvisd.agents.kimi.shape import WireRecord
from jarvisd.agents.kimi.wrapped import said_in
from jarvisd.core.message import Role, Said
from jarvisd.core.record import Speaker

_DECODER = msgspec.json.Decoder(WireRecord)
_ROLES = {Speaker.USER: Role.USER, Speaker.ASSISTANT: Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the line *text*; None if it is nobody's words."""
    line = decode(text, _DECODER)
    found = None if line is None else _words(line)
    if line is None or found is None:
        return None

    speaker, texts = found
    words = [each for each in texts if each.strip()]
    if not words:
        return None

    key = line.prompt_id or line.message_id
    return Said(
        role=_ROLES[speaker],
        content="\n\n".join(words),
        at_ms=unix_ms(line.time or line.timestamp),
        key=key if line.event is None else line.event.uuid,
    )


def _words(line: WireRecord) -> tuple[Speaker, list[str]] | None:
    if line.message is not None and line.message.type:
        return said_in(line.message)

    if line.type in {"turn.prompt", "turn.steer"} and is_human(line):
        return Speaker.USER, texts_in(line.input)

    part = None if line.event is None else line.event.part
    if line.event is None or part is None or line.event.type != "content.part":
        return None

    return Speaker.ASSISTANT, [text_of(part.text) or ""] if part.type == "text" else []
