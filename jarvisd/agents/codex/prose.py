"""Who speaks, and which texts in a user's name a human wrote, not Codex."""

from collections.abc import Iterator
from hashlib import blake2b

import msgspec
from msgspec import Raw

from jarvisd.agents._shared.decode import ABSENT, text_of
from jarvisd.core.event import PromptGiven
from jarvisd.core.record import Speaker

SPEAKERS = {
    "user_message": Speaker.USER,
    "agent_message": Speaker.ASSISTANT,
    "UserMessage": Speaker.USER,
    "AgentMessage": Speaker.ASSISTANT,
}
"""Who speaks in a message or an item, by its type."""

_INJECTED = (
    ("# AGENTS.md instructions", "</INSTRUCTIONS>"),
    ("<environment_context>", "</environment_context>"),
    ("<user_instructions>", "</user_instructions>"),
    ("<skill>", "</skill>"),
    ("<user_shell_command>", "</user_shell_command>"),
    ("<turn_aborted>", "</turn_aborted>"),
    ("<subagent_notification>", "</subagent_notification>"),
    ("<recommended_plugins>", "</recommended_plugins>"),
    ("<goal_context>", "</goal_context>"),
    ("<codex_internal_context", "</codex_internal_context>"),
    ("<external_", ">"),
    ("<hook_prompt", "</hook_prompt>"),
)
"""Start and end must both match: a prompt may begin with a tag of its own."""


class _Item(msgspec.Struct, gc=False):
    text: Raw = ABSENT


def is_human(text: str) -> bool:
    """Whether a human wrote *text*, which stands in a user's message."""
    text = text.strip()
    return bool(text) and not any(
        text.startswith(start) and text.endswith(end) for start, end in _INJECTED
    )


def prompt_in(text: str, *, key: str | None) -> Iterator[PromptGiven]:
    """Yield the prompt that *text* is, unless Codex put it there."""
    if is_human(text) or not text.strip():  # an image alone is a prompt, too
        digest = blake2b(text.encode(errors="replace"), digest_size=8).digest()
        yield PromptGiven(
            chars=len(text), key=key, digest=int.from_bytes(digest, "big")
        )


def texts_in(content: Raw) -> Iterator[str]:
    """Return the texts of a message's *content*: a string, or a list of items."""
    whole = text_of(content)
    if whole is not None:
        yield whole
        return

    try:
        items = msgspec.json.decode(content, type=tuple[_Item, ...])
    except ValueError:
        return

    for item in items:
        text = text_of(item.text)
        if text is not None:
            yield text
