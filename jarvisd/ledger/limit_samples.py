"""Samples of limits: usage of a window over time, to project when it will be full.

Agents report limits with every response, in whole percents mostly. So a few samples are
kept for each window, some time apart, and the newest one. They live in memory beside the
`LimitRow`, which is what is stored: a restart goes on from that one sample.
"""

from typing import Final, NamedTuple

from jarvisd.core.event import LimitWindow
from jarvisd.ledger.model import LimitRow

MAX_SAMPLES: Final = 5
_MINUTE_MS: Final = 60_000
_SLACK_MS: Final = _MINUTE_MS
"""Agents say 299 minutes and mean 300, and round the moment of the reset."""

_PARTS: Final = 60
"""Samples are kept a sixtieth of their window apart: 5 minutes of five hours; closer
ones show no pace. A tick of one percent in that time would fill no window before its end."""

_USUAL_MINUTES: Final = 300
"""The length of a window of which only the end is reported."""


class Sample(NamedTuple):
    """The report of a window at *at_ms*."""

    at_ms: int
    window: LimitWindow


Samples = tuple[Sample, ...]
"""Of one window, oldest first, `MAX_SAMPLES` at most."""


def followed(known: tuple[Samples, ...], row: LimitRow) -> tuple[Samples, ...]:
    """Return the samples of each window of *row*, which is newer than those *known*."""
    return tuple(_followed(known, Sample(row.at_ms, window)) for window in row.windows)


def forecast(samples: Samples) -> int | None:
    """Return when the window will be full if it goes on as between first and last.

    In Unix ms; None if they are too close together, if no more was used, or if the
    window resets before.
    """
    if not samples:
        return None

    first, last = samples[0], samples[-1]
    passed_ms = last.at_ms - first.at_ms
    if passed_ms <= 0 or passed_ms < _apart_ms(last.window):
        return None

    used, end_ms = last.window.used_percent, _end_ms(samples)
    if end_ms is None or not 0 <= first.window.used_percent < used < 100:
        return None

    left_ms = (100 - used) * passed_ms / (used - first.window.used_percent)
    return last.at_ms + round(left_ms) if last.at_ms + left_ms < end_ms else None


def _followed(known: tuple[Samples, ...], new: Sample) -> Samples:
    for samples in known:
        if _continues(samples[-1], new):
            return (*_thinned(samples), new)[-MAX_SAMPLES:]

    return (new,)


def _continues(old: Sample, new: Sample) -> bool:
    """Whether both are of one window, and not of the one after it."""
    before, after = old.window, new.window
    end_ms = _end_ms((old,))
    return (
        _near(_length_ms(before), _length_ms(after))
        and _near(before.resets_at_ms, after.resets_at_ms)
        and (end_ms is None or new.at_ms < end_ms)
        # Parallel sessions may get a slightly smaller value than before. Only where no
        # reset time is reported, a smaller value means a reset.
        and (
            after.resets_at_ms is not None or before.used_percent <= after.used_percent
        )
    )


def _near(one_ms: int | None, other_ms: int | None) -> bool:
    if one_ms is None or other_ms is None:
        return one_ms == other_ms

    return abs(one_ms - other_ms) <= _SLACK_MS


def _thinned(samples: Samples) -> Samples:
    """Return *samples* without the newest, if that was there only as the newest."""
    newest = samples[-1]
    close = len(samples) > 1 and (
        newest.at_ms - samples[-2].at_ms < _apart_ms(newest.window)
    )
    return samples[:-1] if close else samples


def _apart_ms(window: LimitWindow) -> int:
    minutes = _USUAL_MINUTES if window.minutes is None else window.minutes
    return minutes * _MINUTE_MS // _PARTS


def _length_ms(window: LimitWindow) -> int | None:
    return None if window.minutes is None else window.minutes * _MINUTE_MS


def _end_ms(samples: Samples) -> int | None:
    """Return when the window resets, at the latest; None if that is unknown."""
    window = samples[-1].window
    if window.resets_at_ms is not None:
        return window.resets_at_ms

    length_ms = _length_ms(window)
    return None if length_ms is None else samples[0].at_ms + length_ms
