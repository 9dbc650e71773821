"""Codex's token counts as disjoint buckets.

The provider's `input_tokens` holds what was read from and written to the cache, and
`output_tokens` holds the reasoning.
"""

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.unknown_fields import drift_of_usage, field_names
from jarvisd.agents.codex.shape import Info, RolloutPayload, TokenUsage
from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.core.event import ContextMeasured, UsageReported
from jarvisd.core.record import Drift

_KNOWN = field_names(TokenUsage)
_NEEDED = ("input_tokens", "output_tokens", "total_tokens")


def buckets(usage: TokenUsage) -> Tokens:
    """Return *usage* as disjoint buckets; parts are cut to their sums."""
    prompt, output = usage.input_tokens or 0, usage.output_tokens or 0
    # Two versions' words for one number.
    cached = usage.cached_input_tokens or 0, usage.cache_read_input_tokens or 0
    read = min(max(cached), prompt)
    written = min(usage.cache_write_input_tokens or 0, prompt - read)
    reasoning = min(usage.reasoning_output_tokens or 0, output)
    return Tokens(prompt - read - written, read, written, 0, output, reasoning)


def is_partial(usage: TokenUsage | None) -> bool:
    """Whether *usage* lacks the tokens of the prompt or of the output."""
    return usage is None or usage.input_tokens is None or usage.output_tokens is None


def response_in(payload: RolloutPayload) -> UsageReported | None:
    """Return the usage of the one response that a token_usage_record is about."""
    if payload.usage is None or not payload.response_id:
        return None

    return UsageReported(
        response=payload.response_id,
        tokens=buckets(payload.usage),
        variant=variant_of(payload.usage.service_tier or payload.service_tier),
    )


class RunningTotals(Struct, frozen=True, kw_only=True, gc=False):
    """The running totals of a thread, and what was added last; either may be absent.

    *total_tokens* and *last_total_tokens* are Codex's own sums: where it estimates the
    context it reports only those.
    """

    total: Tokens | None = None
    last: Tokens | None = None
    total_tokens: int = 0
    last_total_tokens: int = 0
    window_tokens: int | None = None
    model: str | None = None
    variant: Variant | None = None

    @property
    def overflowed(self) -> bool:
        """Whether the context overflowed: a sum that is the window, without parts."""
        return self.total is not None and not self.total.total and self.total_tokens > 0

    @property
    def context(self) -> ContextMeasured:
        """Return how full the context is."""
        tokens, last = None, self.last
        if self.overflowed:
            tokens = self.total_tokens
        elif last is not None and last.total:
            tokens = last.prompt_total
        elif self.last_total_tokens:  # an estimate, after a compaction
            tokens = self.last_total_tokens

        return ContextMeasured(tokens=tokens, window_tokens=self.window_tokens)


def totals_in(info: Info) -> RunningTotals:
    """Return the running totals that a token_count tells."""
    total, last = info.total_token_usage, info.last_token_usage
    return RunningTotals(
        total=None if total is None else buckets(total),
        last=None if last is None else buckets(last),
        total_tokens=0 if total is None else total.total_tokens or 0,
        last_total_tokens=0 if last is None else last.total_tokens or 0,
        window_tokens=info.model_context_window,
        model=info.model or None,
        variant=variant_of(info.service_tier) if info.service_tier else None,
    )


def variant_of(tier: str | None) -> Variant:
    """Return how a response of service tier *tier* was served."""
    match tier:
        case "priority" | "fast":
            return Variant(tier="priority")
        case "flex" | "batch":
            return Variant(tier=tier)
        case _:
            return STANDARD


class _Info(Struct, gc=False):
    total_token_usage: dict[str, Raw] | None = None


class _Payload(Struct, gc=False):
    type: str = ""
    usage: dict[str, Raw] | None = None
    info: _Info | None = None


class _Line(Struct, gc=False):
    type: str = ""
    payload: _Payload | None = None
    usage: dict[str, Raw] | None = None


_LINE = msgspec.json.Decoder(_Line)


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the fields of usage in the line *text* that are unknown, by name."""
    try:
        line = _LINE.decode(text)
    except (ValueError, RecursionError):  # a strange line: read as far as it goes
        return ()

    payload = line.payload
    if payload is None:
        usage, is_response = line.usage, line.type == "turn.completed"
    elif payload.type == "token_count":
        usage = None if payload.info is None else payload.info.total_token_usage
        is_response = payload.info is not None
    else:
        usage, is_response = payload.usage, line.type == "token_usage_record"

    if not is_response:
        return ()

    kind = payload.type if payload is not None and payload.type else line.type
    return drift_of_usage(usage, kind, known=_KNOWN, needed=_NEEDED)
