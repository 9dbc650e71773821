"""Fields of token counts that the reader of mini does not know: for drift alone."""

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.unknown_fields import Names, drift_of_usage, field_names
from jarvisd.agents.mini.shape import MiniUsage
from jarvisd.core.record import Drift

_KNOWN = field_names(MiniUsage) | {"total_tokens"}
_NEEDED = ("prompt_tokens", "completion_tokens")


class MiniResponseNames(msgspec.Struct, gc=False):
    """A response, of whose usage only the names matter."""

    usage: Names | None = None


class MiniExtraNames(msgspec.Struct, gc=False):
    """What mini notes of a message."""

    response: MiniResponseNames | None = None


class MiniMessageNames(msgspec.Struct, gc=False):
    """A message."""

    role: str = ""
    extra: MiniExtraNames | None = None


_DECODER = msgspec.json.Decoder(MiniMessageNames)


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown fields of the element *text*, if it is a response."""
    message = decode(text, _DECODER)
    if message is None or message.extra is None or message.extra.response is None:
        return ()

    usage = message.extra.response.usage
    return drift_of_usage(usage, message.role, known=_KNOWN, needed=_NEEDED)
