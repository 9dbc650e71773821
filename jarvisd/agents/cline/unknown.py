"""Fields of Cline's token counts that the reader does not know: for drift alone."""

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.unknown_fields import Names, drift_of_usage, field_names
from jarvisd.agents.cline.shape import ClineMetrics
from jarvisd.core.record import Drift

_KNOWN = field_names(ClineMetrics)
_NEEDED = ("inputTokens", "outputTokens")


class ClineAnswerNames(msgspec.Struct, gc=False):
    """A message, of whose metrics only the names matter."""

    role: str = ""
    id: str | None = None
    metrics: Names | None = None


_DECODER = msgspec.json.Decoder(ClineAnswerNames)


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown fields of the element *text*, if it is a response."""
    answer = decode(text, _DECODER)
    if answer is None or answer.role != "assistant":
        return ()

    if (answer.id or "").startswith("error_"):
        return ()

    return drift_of_usage(answer.metrics, answer.role, known=_KNOWN, needed=_NEEDED)
