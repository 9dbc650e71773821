"""The words of a Claude Code line, asked for only where conversations are recorded.

Tools, reasoning, injected reminders and subagents' talk are no words of the
conversation. See prose.py for what of a user's line a human wrote.
"""

import msgspec

from jarvisd.agents._shared.decode import decode, text_of, unix_ms
from jarvisd.agents.claude.prose import command_in, own_words
from jarvisd.agents.claude.shape import TranscriptLine, key_of
from jarvisd.agents.claude.usage import SYNTHETIC
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(TranscriptLine)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the line *text*; None if it holds none."""
    line = decode(text, _DECODER)
    if line is None or line.message is None or not _is_talk(line):
        return None

    role = _ROLES[line.type]
    words = [each for each in _texts(line) if each.strip()]
    if role is Role.USER:
        own = (own_words(each) for each in words)
        words = [each for each in own if each and command_in(each) is None]

    if not words:
        return None

    return Said(
        role=role,
        content="\n\n".join(words),
        at_ms=unix_ms(line.timestamp),
        key=key_of(line),
    )


def _is_talk(line: TranscriptLine) -> bool:
    assert line.message is not None
    return line.type in _ROLES and not (
        line.is_meta
        or line.is_sidechain
        or line.is_compact_summary
        or line.is_api_error_message
        or line.parent_tool_use_id is not None
        or line.prompt_source == "system"
        or line.message.model == SYNTHETIC
    )


def _texts(line: TranscriptLine) -> list[str]:
    assert line.message is not None
    content = line.message.content
    if isinstance(content, str):
        return [content]

    texts = (each for each in content or () if each.type == "text")
    return [text_of(each.text) or "" for each in texts]
