"""What Claude Code writes to its status line: context, cost and the account's limits.

The percentages of the five-hour and the weekly limit are in no transcript. Every field
is optional: limits are absent without a subscription and before the first reply.

Facts: the documentation of `statusLine`, and its inputs up to version 2.1.329.
"""

from msgspec import Struct, field, json

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.agents._shared.numbers import Dollars, Percent, Time, TokenCount, WholeTime
from jarvisd.core.event import LimitSource, LimitsReported, LimitWindow
from jarvisd.core.origin import SessionId
from jarvisd.core.status_line import StatusLineRead

FIVE_HOURS_MIN = 300
SEVEN_DAYS_MIN = 10_080


class StatusLineModel(Struct, gc=False):
    """The model, for programs and for people."""

    id: str | None = None
    display_name: str | None = None


class Cost(Struct, gc=False):
    """What the session has cost."""

    total_cost_usd: Dollars | None = None


class CurrentUsage(Struct, gc=False):
    """The tokens of the latest message; its input fields add up to the context."""

    input_tokens: TokenCount | None = None
    cache_creation_input_tokens: TokenCount | None = None
    cache_read_input_tokens: TokenCount | None = None


class ContextWindow(Struct, gc=False):
    """How full the window is."""

    context_window_size: TokenCount | None = None
    used_percentage: Percent | None = None
    current_usage: CurrentUsage | None = None


class Limit(Struct, gc=False):
    """One limit of the account."""

    used_percentage: Percent | None = None
    resets_at: WholeTime | Time | str | None = None


class StatusLineLimits(Struct, gc=False):
    """The limits of the account."""

    five_hour: Limit | None = None
    seven_day: Limit | None = None


class Input(Struct, gc=False):
    """What we read of the input."""

    session_id: str | None = None
    transcript_path: str | None = None
    cwd: str | None = None
    version: str | None = None
    model: StatusLineModel = field(default_factory=StatusLineModel)
    cost: Cost = field(default_factory=Cost)
    context_window: ContextWindow = field(default_factory=ContextWindow)
    rate_limits: StatusLineLimits = field(default_factory=StatusLineLimits)


_decoder = json.Decoder(Input)


def status_line(payload: bytes, *, at_ms: int) -> StatusLineRead | None:
    """Return the values in *payload*; None if it names no session."""
    found = decode(payload, _decoder)
    if found is None or not found.session_id:
        return None

    window = found.context_window
    return StatusLineRead(
        agent="claude",
        session_id=SessionId(found.session_id),
        at_ms=at_ms,
        model=found.model.id,
        model_name=found.model.display_name,
        version=found.version,
        cwd=found.cwd,
        transcript_path=found.transcript_path,
        context_tokens=_context(window.current_usage),
        window_tokens=window.context_window_size or None,
        context_percent=window.used_percentage,
        cost_micros=_micros(found.cost.total_cost_usd),
        limits=_limits(found.rate_limits),
    )


def _context(usage: CurrentUsage | None) -> int | None:
    if usage is None:
        return None

    parts = (
        usage.input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_read_input_tokens,
    )
    return sum(each or 0 for each in parts) or None


def _micros(dollars: float | None) -> int | None:
    return None if dollars is None else round(dollars * 1e6)


def _limits(limits: StatusLineLimits) -> LimitsReported | None:
    windows = tuple(
        LimitWindow(
            used_percent=each.used_percentage,
            minutes=minutes,
            resets_at_ms=unix_ms(each.resets_at),
            source=LimitSource.STATUS_LINE,
        )
        for each, minutes in (
            (limits.five_hour, FIVE_HOURS_MIN),
            (limits.seven_day, SEVEN_DAYS_MIN),
        )
        if each is not None and each.used_percentage is not None
    )
    return LimitsReported(windows=windows) if windows else None
