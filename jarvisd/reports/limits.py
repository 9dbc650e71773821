"""Rate limits: one word for each, the newest, whichever session it came from."""

from collections.abc import Iterable, Mapping

from jarvisd.core.event import LimitSource
from jarvisd.ledger.limit_samples import Samples, followed, forecast
from jarvisd.ledger.model import LimitRow
from jarvisd.reports.model import LimitView, LimitWindowView
from jarvisd.reports.windows import WINDOW_MS, Bounds

_LABELS = ((300, "5h"), (10_080, "weekly"), (43_200, "monthly"))
_NEARLY = 2
"""Agents say 299 minutes and mean 300."""

_NONE: Mapping[tuple[str, str], tuple[Samples, ...]] = {}


def limit_views(
    limits: Iterable[LimitRow],
    *,
    now_ms: int,
    agent: str | None = None,
    samples: Mapping[tuple[str, str], tuple[Samples, ...]] = _NONE,
) -> list[LimitView]:
    """Return all limits, or those of *agent*, with the age of what is known of them.

    *samples* are those of each window, by agent and limit; without them there is no
    forecast.
    """
    return [
        LimitView(
            agent=row.agent,
            limit=row.limit,
            plan=row.plan,
            windows=[_view(each, now_ms) for each in _samples_of(row, samples)],
            observed_ms=row.at_ms,
            age_s=max(0, now_ms - row.at_ms) // 1000,
            source=_source(row),
        )
        for row in sorted(limits, key=lambda each: (each.agent, each.limit))
        if agent in {None, row.agent}
    ]


def official(limits: Iterable[LimitRow], *, agent: str) -> Bounds | None:
    """Return where the provider placed the five-hour window of *agent*'s account."""
    for row in limits:
        # The limit of the account is named like the agent; others are of one model.
        if row.agent != agent or row.limit != agent:
            continue

        for window in row.windows:
            if _label(window.minutes) == "5h" and window.resets_at_ms is not None:
                return Bounds(window.resets_at_ms - WINDOW_MS, window.resets_at_ms)

    return None


def _source(row: LimitRow) -> LimitSource:
    """Return where the word is from; all windows of one word are from one place."""
    return row.windows[0].source if row.windows else LimitSource.TRANSCRIPT


def _samples_of(
    row: LimitRow, samples: Mapping[tuple[str, str], tuple[Samples, ...]]
) -> tuple[Samples, ...]:
    return samples.get((row.agent, row.limit)) or followed((), row)


def _view(samples: Samples, now_ms: int) -> LimitWindowView:
    window, full_ms = samples[-1].window, forecast(samples)
    resets_ms = window.resets_at_ms
    return LimitWindowView(
        label=_label(window.minutes),
        minutes=window.minutes,
        used_percent=window.used_percent,
        resets_at_ms=resets_ms,
        over=resets_ms is not None and resets_ms <= now_ms,
        # A moment that has passed without a word was forecast in vain.
        full_at_ms=None if full_ms is None or full_ms <= now_ms else full_ms,
    )


def _label(minutes: int | None) -> str:
    if minutes is None:
        return "unknown"

    for known, label in _LABELS:
        if abs(minutes - known) <= _NEARLY:
            return label

    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
