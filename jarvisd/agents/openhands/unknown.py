"""Fields of token counts that the reader of OpenHands does not know: for drift alone."""

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.unknown_fields import Names, drift_of_usage, field_names
from jarvisd.agents.openhands.shape import OpenHandsUsage
from jarvisd.core.record import Drift

_KNOWN = field_names(OpenHandsUsage) | {"context_window", "per_turn_token"}
_NEEDED = ("prompt_tokens", "completion_tokens")


class OpenHandsUsageNames(msgspec.Struct, gc=False):
    """The usage of a response, of which only the names matter."""

    usage_id: str = ""
    usage: Names | None = None


_DECODER = msgspec.json.Decoder(OpenHandsUsageNames)


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown fields of the item *text*, if it is the usage of a response."""
    found = decode(text, _DECODER)
    if found is None or found.usage is None:
        return ()

    return drift_of_usage(found.usage, "usage", known=_KNOWN, needed=_NEEDED)
