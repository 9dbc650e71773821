"""The words of a line of a chat history, asked for only where conversations are recorded.

Each line is a message of its own: a reply is not marked as one.
"""

from jarvisd.core.message import Role, Said

_PROMPT = b"#### "


def spoken(text: bytes) -> Said | None:
    """Return the message in the line *text*; None if it is nobody's words."""
    words = text.decode(errors="replace").strip()
    if text.startswith(_PROMPT):
        return Said(role=Role.USER, content=words[len(_PROMPT) :].strip())

    if not words or text.startswith((b"> ", b"{")):
        return None

    return Said(role=Role.ASSISTANT, content=words)
