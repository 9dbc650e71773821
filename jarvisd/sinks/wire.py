"""What `health` shows of sinks.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Literal

from jarvisd.base.wire_types import Result

SinkKind = Literal["jsonl", "posthog"]


class SinkHealth(Result, frozen=True, kw_only=True):
    """How it goes with one sink that records of segments are sent to.

    *waiting* records are not delivered yet; the oldest of them was closed at
    *oldest_ms*. *delivered* and *dropped*, because too many waited, count since the
    start of the daemon. *error* says why the last try failed.
    """

    name: str
    kind: SinkKind
    waiting: int
    oldest_ms: int | None
    delivered: int
    dropped: int
    failing_since_ms: int | None
    error: str | None
