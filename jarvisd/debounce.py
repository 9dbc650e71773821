"""When a changed block is due to be stored: arithmetic on deadlines, no timer.

A block is written at most once a second, its first line within 0.1 s, and its last
change is never left unwritten: there is always a next deadline while it is dirty.

Blocks change at their own moments, but one transaction should serve all of them. So
a due time moves to the next full second of the monotonic clock where that is less
than half a second away: whatever the phases, steady blocks meet on the same ticks
after two flushes, and no change waits longer than 1.5 s for the store.
"""

import math

SETTLE_S = 0.1
"""A burst is one flush: the first line waits this long for its fellows."""

INTERVAL_S = 1.0
"""The commissioned limit: one write per block and second."""

ALIGN_S = 0.5
"""How far a due time may move to meet the common tick."""


def due_at(*, dirty_since: float, flushed_at: float) -> float:
    """Return when a block is to be stored, in seconds of the monotonic clock.

    Args:
        dirty_since: When the first change came that is not stored yet.
        flushed_at: When the block was last stored; -inf for never.

    """
    settled = dirty_since + SETTLE_S
    if math.isinf(flushed_at):
        return settled

    earliest = max(settled, flushed_at + INTERVAL_S)
    return min(math.ceil(earliest / INTERVAL_S) * INTERVAL_S, earliest + ALIGN_S)
