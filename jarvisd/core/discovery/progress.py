"""The progress of the initial import."""

from dataclasses import dataclass

from jarvisd.core.wire import Backfill

MIN_ELAPSED_S = 0.2
"""Before this time the speed is noise, and no remaining time is estimated."""


@dataclass(slots=True)
class ImportProgress:
    """Files and bytes of the initial import: in total, and read so far.

    The counts start again from zero if more files are found after all were read.

    Attributes:
        newest_ms: When the newest file that is not read was changed, Unix ms.

    """

    files_total: int = 0
    files_done: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    newest_ms: int | None = None
    _since: float = 0.0

    def found(self, size: int, now: float) -> None:
        """Add a file with *size* unread bytes."""
        if self.files_done == self.files_total:
            self.files_total = self.files_done = 0
            self.bytes_total = self.bytes_done = 0
            self.newest_ms = None
            self._since = now

        self.files_total += 1
        self.bytes_total += size

    def read(self, size: int) -> None:
        """Record that *size* bytes of the import were read."""
        self.bytes_done += size

    def finished(self) -> None:
        """Record that one file of the import was read to its end."""
        self.files_done += 1

    def view(self, now: float) -> Backfill:
        """Return the progress for clients; zeros if nothing is left to read."""
        if self.files_done == self.files_total:
            return Backfill(
                files_total=0, files_done=0, bytes_total=0, bytes_done=0, eta_s=None
            )

        return Backfill(
            files_total=self.files_total,
            files_done=self.files_done,
            bytes_total=self.bytes_total,
            bytes_done=min(self.bytes_done, self.bytes_total),
            eta_s=self._eta_s(now),
            complete_since_ms=None if self.newest_ms is None else self.newest_ms + 1,
        )

    def _eta_s(self, now: float) -> float | None:
        elapsed_s = now - self._since
        if not self.bytes_done or elapsed_s < MIN_ELAPSED_S:
            return None

        left = max(0, self.bytes_total - self.bytes_done)
        return round(left * elapsed_s / self.bytes_done, 1)
