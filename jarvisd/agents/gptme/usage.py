"""Usage of gptme: of one response. The provider's counts are disjoint already."""

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.unknown_fields import drift_of_usage, field_names
from jarvisd.agents.gptme.shape import GptmeMetadata, GptmeUsage
from jarvisd.base.usage import Tokens
from jarvisd.core.event import UsageReported
from jarvisd.core.record import Drift

_MICROS = 1_000_000
_KNOWN = field_names(GptmeUsage)
_NEEDED = ("input_tokens", "output_tokens")
_ASSISTANT = "assistant"


class _Inspected(Struct, gc=False):
    role: str = ""
    metadata: dict[str, Raw] | None = None


_INSPECT = msgspec.json.Decoder(_Inspected)


def counts_in(metadata: GptmeMetadata) -> GptmeUsage | None:
    """Return the token counts of a response; None if there are none."""
    found = metadata if metadata.usage is None else metadata.usage
    if found.input_tokens is None and found.output_tokens is None:
        return None

    return found


def usage_of(metadata: GptmeMetadata, response: str | None) -> UsageReported | None:
    """Return the usage of *response*; None if it has none."""
    counts = counts_in(metadata)
    if counts is None:
        return None

    output, cost = counts.output_tokens or 0, metadata.cost
    timings = metadata.timings
    took_ms = None
    if timings is not None and timings.gen_ms is not None:
        took_ms = (timings.ttft_ms or 0) + timings.gen_ms

    return UsageReported(
        response=response,
        model=metadata.served_model or metadata.model or None,
        tokens=Tokens(
            input=counts.input_tokens or 0,
            cache_read=counts.cache_read_tokens or 0,
            cache_write_5m=counts.cache_creation_tokens or 0,
            output=output,
            reasoning=min(counts.reasoning_tokens or 0, output),
        ),
        latency_ms=took_ms,
        stated_micros=None if cost is None else round(cost * _MICROS),
    )


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown fields of the token counts in the line *text*."""
    line = decode(text, _INSPECT)
    if line is None or line.role != _ASSISTANT or line.metadata is None:
        return ()

    raw = line.metadata.get("usage")
    if raw is None:
        return ()

    try:
        usage = msgspec.json.decode(raw, type=dict[str, Raw])
    except ValueError:
        usage = {}

    return drift_of_usage(usage, _ASSISTANT, known=_KNOWN, needed=_NEEDED)
