"""The words of an item of Continue, asked for only where conversations are recorded."""

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents.continue_cli.read import words_of
from jarvisd.agents.continue_cli.shape import ContinueItem
from jarvisd.core.message import Role, Said

_DECODER = msgspec.json.Decoder(ContinueItem)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def spoken(text: bytes) -> Said | None:
    """Return the message in the element *text*; None if it has no words."""
    item = decode(text, _DECODER)
    if item is None or item.message is None or item.inherited:
        return None

    role, words = _ROLES.get(item.message.role), words_of(item.message)
    return Said(role=role, content=words) if role and words.strip() else None
