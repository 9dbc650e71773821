"""The words of an event of OpenClaw, asked for only where conversations are recorded."""

from msgspec.structs import replace

from jarvisd.agents._shared.entry_messages import spoken as spoken_in_entry
from jarvisd.agents.openclaw.prose import own_words
from jarvisd.core.message import Role, Said


def spoken(text: bytes) -> Said | None:
    """Return the message in the event *text*; None if it is nobody's words."""
    said = spoken_in_entry(text)
    if said is None or said.role is not Role.USER:
        return said

    words = own_words(said.content)
    return replace(said, content=words) if words else None
