"""Fields of token counts that the reader of Continue does not know: for drift alone."""

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.unknown_fields import Names, drift_of_usage, field_names
from jarvisd.agents.continue_cli.shape import ContinueUsage
from jarvisd.core.record import Drift

_KNOWN = field_names(ContinueUsage) | {"total_tokens"}
_NEEDED = ("prompt_tokens", "completion_tokens")


class ContinueUsageNames(msgspec.Struct, gc=False):
    """A message, of whose usage only the names matter."""

    role: str = ""
    usage: Names | None = None


class ContinueItemNames(msgspec.Struct, gc=False):
    """An item of the history."""

    message: ContinueUsageNames | None = None


_DECODER = msgspec.json.Decoder(ContinueItemNames)


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown fields of the element *text*, if it is a response."""
    item = decode(text, _DECODER)
    if item is None or item.message is None or item.message.usage is None:
        return ()

    return drift_of_usage(
        item.message.usage, item.message.role, known=_KNOWN, needed=_NEEDED
    )
