"""When a file may be believed: its writer has rested.

The time of a file is set before its bytes are copied, so that an equal status before
and after a read proves nothing. Rest does: of 1,800 reads of files that had not changed
for 20 ms none was mixed, against 12 of 11,000 without. 50 ms are waited for, and a
millisecond for each 100 kB, which a slow disk may need.
"""

from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.core.sources.document.element_table import FileSignature

SETTLE_S = 0.05
SETTLE_BYTES_PER_S = 100_000_000

OLD_S = 10.0
"""A file that was last changed so long ago is read at first sight. Younger ones are
waited for on our own clock, since that of a file server may be another."""


class Settling:
    """Since when a file looks as it does."""

    __slots__ = ("_clock", "_seen", "_since")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: FileSignature | None = None
        self._since = 0.0

    def wait_s(self, seen: FileSignature) -> float:
        """Return how long to wait before the file may be read; 0: it may be now."""
        now = self._clock.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
            changed_ms = max(seen.mtime_ns, seen.ctime_ns) // 1_000_000
            if self._clock.unix_ms() - changed_ms > OLD_S * MS_PER_S:
                self._since = now - OLD_S

        wanted_s = min(OLD_S, SETTLE_S + seen.size / SETTLE_BYTES_PER_S)
        return max(0.0, self._since + wanted_s - now)
