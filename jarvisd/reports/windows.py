"""Five-hour windows, by which providers bill and limit, as far as logs show them.

A window begins with the hour, in UTC, of the first response after the last window, and
lasts five hours. That is a guess, the same as in other tools, so the row is marked
`observed`. Where the provider reported when the present window ends, that window is
placed by the report and marked `official`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from jarvisd.reports.model import Anchor, Projection, WindowRow
from jarvisd.reports.pace import SKEW_MS, Spending, rate
from jarvisd.reports.slices import COST, RESPONSES, UNPRICED, Numbers, added, tokens_of

HOUR_MS = 3_600_000
WINDOW_MS = 5 * HOUR_MS
IDLE_MS = 900_000
"""An account without a response for so long is idle, and gets no projection."""


class WindowEntry(NamedTuple):
    """Something spent on *model* between *first_ms* and *last_ms*."""

    first_ms: int
    last_ms: int
    model: str | None
    numbers: Numbers


class Bounds(NamedTuple):
    """A window whose end the provider reported."""

    start_ms: int
    end_ms: int


@dataclass(slots=True)
class _Window:
    bounds: Bounds
    anchor: Anchor
    entries: list[WindowEntry] = field(default_factory=list)

    def takes(self, entry: WindowEntry) -> bool:
        return self.bounds.start_ms <= entry.first_ms < self.bounds.end_ms


def windows(
    entries: Iterable[WindowEntry],
    *,
    agent: str,
    now_ms: int,
    official: Bounds | None = None,
    spending: Iterable[Spending] = (),
) -> list[WindowRow]:
    """Return the windows in which something was spent, oldest first.

    Args:
        entries: What was spent, by time.
        agent: Whose account it is.
        now_ms: Unix ms.
        official: Where the provider placed its present window, if that is known.
        spending: What was spent of late, to project from.

    """
    lately = list(spending)
    return [
        _row(window, agent, now_ms, lately) for window in _placed(entries, official)
    ]


def _placed(
    entries: Iterable[WindowEntry], official: Bounds | None
) -> Iterator[_Window]:
    window: _Window | None = None
    for entry in entries:
        if window is None or not window.takes(entry):
            if window is not None:
                yield window

            window = _begun(entry, official)

        window.entries.append(entry)

    if window is not None:
        yield window


def _begun(entry: WindowEntry, official: Bounds | None) -> _Window:
    if official is not None and official.start_ms <= entry.first_ms < official.end_ms:
        return _Window(official, "official")

    start_ms = entry.first_ms // HOUR_MS * HOUR_MS
    end_ms = start_ms + WINDOW_MS
    if official is not None:
        if start_ms < official.start_ms:
            end_ms = min(end_ms, official.start_ms)
        else:
            start_ms = max(start_ms, official.end_ms)

    return _Window(Bounds(start_ms, end_ms), "observed")


def _row(
    window: _Window, agent: str, now_ms: int, spending: list[Spending]
) -> WindowRow:
    numbers = added([each.numbers for each in window.entries])
    active = window.bounds.start_ms <= now_ms < window.bounds.end_ms
    moments = [each.last_ms for each in window.entries]
    until_ms = now_ms + SKEW_MS
    latest_ms = max((each for each in moments if each <= until_ms), default=0)
    models = dict.fromkeys(each.model for each in window.entries)
    row = WindowRow(
        agent=agent,
        start_ms=window.bounds.start_ms,
        end_ms=window.bounds.end_ms,
        first_ms=min(each.first_ms for each in window.entries),
        last_ms=max(moments),
        anchor=window.anchor,
        active=active,
        tokens=tokens_of(numbers),
        cost_micros=numbers[COST],
        unpriced=numbers[UNPRICED],
        responses=numbers[RESPONSES],
        models=[each for each in models if each is not None],
    )
    if active and now_ms - latest_ms < IDLE_MS:
        return _projected(row, spending, now_ms)

    return row


def _projected(row: WindowRow, spending: list[Spending], now_ms: int) -> WindowRow:
    pace = rate(spending, minutes=15, now_ms=now_ms)
    minutes = round((row.end_ms - now_ms) / 60_000)
    projection = Projection(
        total_tokens=row.tokens.total + round(pace.tokens_per_minute * minutes),
        cost_micros=row.cost_micros + round(pace.cost_micros_per_hour * minutes / 60),
        remaining_minutes=minutes,
    )
    return replace(row, projection=projection)
