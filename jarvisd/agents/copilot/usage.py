"""Usage of GitHub Copilot CLI, in disjoint buckets, and what the provider bills.

`session.usage_record` has each response. Before there were such records, a message had
its output, and the end of each process the sum of the session so far by model: what that
adds is given to the newest response of the model, so that responses are counted right.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct, field
from msgspec.structs import replace

from jarvisd.agents._shared.cumulative import CumulativeUsage
from jarvisd.agents._shared.decode import decode, decode_raw
from jarvisd.agents._shared.unknown_fields import Names, drift_of_usage, field_names
from jarvisd.agents.copilot.shape import CopilotUsage, EventData, ModelMetrics
from jarvisd.base.usage import NO_TOKENS, Tokens
from jarvisd.core.event import UsageReported
from jarvisd.core.record import Drift

RECORD = "session.usage_record"
MAX_MODELS = 64
"""Models of one session whose sums are remembered."""

_NANOS_PER_MICRO = 100_000
_NEEDED = ("inputTokens", "outputTokens")
_KNOWN = field_names(CopilotUsage)
_COUNTS = "Tokens"
_LIMITS = {"maxPromptTokens", "maxOutputTokens"}


class _InspectedData(Struct, gc=False):
    usage: Names | None = None


class _Inspected(Struct, gc=False):
    type: str = ""
    data: _InspectedData | None = field(default=None)


_INSPECT = msgspec.json.Decoder(_Inspected)


class ModelSum(Struct, array_like=True):
    """What is known of one model of a session without usage records.

    Attributes:
        sums: What the ends of processes reported so far.
        billed: The billing units of that, as they were reported.
        newest: The newest response, and *output* its output so far.
        announced: The output of all responses since the last end.

    """

    sums: CumulativeUsage = field(default_factory=CumulativeUsage)
    billed: float = 0
    newest: str | None = None
    output: int = 0
    announced: int = 0


def usage_of(usage: CopilotUsage, response: str | None) -> UsageReported:
    """Return the usage of one response."""
    nanos = usage.total_nano_aiu
    if nanos is None and usage.copilot_usage is not None:
        nanos = usage.copilot_usage.total_nano_aiu

    return UsageReported(
        response=usage.api_call_id or response,
        model=usage.model or None,
        tokens=disjoint(usage),
        latency_ms=usage.duration,
        stated_micros=_micros(nanos),
    )


def disjoint(usage: CopilotUsage) -> Tokens:
    """Return the counts of *usage* in disjoint buckets."""
    prompt, output = usage.input_tokens or 0, usage.output_tokens or 0
    read = min(usage.cache_read_tokens or 0, prompt)
    written = min(usage.cache_write_tokens or 0, prompt - read)
    return Tokens(
        input=prompt - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=output,
        reasoning=min(usage.reasoning_tokens or 0, output),
    )


def lacks_tokens(usage: CopilotUsage | None) -> bool:
    """Whether *usage* has nothing that can be counted."""
    return usage is None or (usage.input_tokens is None and usage.output_tokens is None)


def announce(data: EventData, sums: dict[str, ModelSum]) -> Iterator[UsageReported]:
    """Yield the output of a response that a message states, and remember it."""
    output, response = data.output_tokens, data.api_call_id or data.message_id
    if output is None or response is None:
        return

    if data.model and (data.model in sums or len(sums) < MAX_MODELS):
        known = sums.setdefault(data.model, ModelSum())
        if known.newest != response:
            known.announced += output

        known.newest, known.output = response, output

    yield UsageReported(
        response=response,
        model=data.model or None,
        tokens=Tokens(output=output),
        has_input=False,
        in_context=False,
    )


def settle(
    metrics: Raw,
    name: str,
    sums: dict[str, ModelSum],
    compacted: dict[str, float],
) -> Iterator[UsageReported]:
    """Yield the usage that the sums *metrics* add to announced outputs, by model.

    *name* identifies the end, for models of which no response was announced.
    *compacted* has the billing units of compactions, which are counted apart, by model.
    """
    try:
        by_model = msgspec.json.decode(metrics, type=dict[str, Raw])
    except ValueError:
        return

    for model, raw in list(by_model.items())[:MAX_MODELS]:
        found = decode_raw(raw, ModelMetrics)
        if found is None or found.usage is None:
            continue

        known = sums.setdefault(model, ModelSum())
        added = known.sums.added(disjoint(found.usage)) or NO_TOKENS
        billed = (found.total_nano_aiu or 0) - known.billed - compacted.pop(model, 0)
        known.billed = found.total_nano_aiu or known.billed
        if added.total:
            rest = max(0, added.output - known.announced)
            yield UsageReported(
                response=known.newest or f"{name}/{model}",
                model=model,
                tokens=replace(added, output=known.output + rest),
                in_context=False,
                stated_micros=_micros(billed) if billed > 0 else None,
            )

        known.newest, known.output, known.announced = None, 0, 0


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown token counts in the line *text*."""
    line = decode(text, _INSPECT)
    if line is None or line.type != RECORD or line.data is None:
        return ()

    usage: Any = line.data.usage or {}
    counts = {
        name: each
        for name, each in usage.items()
        if name.endswith(_COUNTS) and name not in _LIMITS
    }
    return drift_of_usage(counts, RECORD, known=_KNOWN, needed=_NEEDED)


def _micros(nanos: float | None) -> int | None:
    return round(nanos / _NANOS_PER_MICRO) if nanos else None
