"""When a changed block is due to be stored: arithmetic on deadlines, no timer.

A block is written at most once a second, its first line within 0.1 s, and its last
change is never left unwritten: there is always a next deadline while it is dirty.

Blocks change at their own moments, but one transaction should serve all of them. So
every due time lies on a common tick of the monotonic clock: a full second where one
is less than half a second away, else the half second before it. Whatever their
phases, steady blocks meet on the full seconds after two flushes, and no change waits
longer than 1.5 s for the store.
"""

import math

FIRST_S = 0.05
"""First lines are stored on ticks of this length, after settling for as long."""

INTERVAL_S = 1.0
"""The commissioned limit: one write per block and second."""


def due_at(*, dirty_since: float, flushed_at: float) -> float:
    """Return when a block is to be stored, in seconds of the monotonic clock.

    Args:
        dirty_since: When the first change came that is not stored yet.
        flushed_at: When the block was last stored; -inf for never.

    """
    if math.isinf(flushed_at):
        return _tick(dirty_since + FIRST_S, FIRST_S)

    # A flush begins a little after its tick, and must not miss the next one for that.
    began = math.floor(flushed_at / FIRST_S) * FIRST_S
    earliest = max(dirty_since, began + INTERVAL_S)
    full, half = _tick(earliest, INTERVAL_S), INTERVAL_S / 2
    return full if full - earliest <= half else full - half


def _tick(at: float, length: float) -> float:
    return math.ceil(at / length) * length
