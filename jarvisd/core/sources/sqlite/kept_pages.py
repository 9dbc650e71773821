"""Pages of one generation of a write-ahead log, so that not all are read each time.

SQLite drops what it keeps when the state changes, and most of what a look reads is the
same as before: the upper pages of trees, and small tables. A frame of a log is written
once. A page without a frame is in the file as it was when the log was begun, because
a checkpoint writes only pages that have one. Both hold until the log begins again.
"""

MAX_BYTES = 2 * 1024 * 1024

_Place = tuple[bool, int]
"""Whether it is a frame of the log, and which; or a page of the file."""


class KeptPages:
    """The pages that were read last of states that proved whole."""

    def __init__(self) -> None:
        self._generation: object = None
        self._frames = 0
        self._size = 0
        self._kept: dict[_Place, bytes] = {}
        self._fresh: dict[_Place, bytes] = {}

    def begin(self, generation: object, frames: int) -> None:
        """Keep pages of *generation*, whose log has *frames* now; None: keep none.

        A log with fewer frames than before was begun again, or folded into the file.
        """
        self._fresh.clear()
        if generation != self._generation or frames < self._frames:
            self._kept.clear()
            self._size = 0

        self._generation, self._frames = generation, frames

    def get(self, place: _Place) -> bytes | None:
        """Return a page, or None if it has to be read."""
        found = self._kept.get(place)
        return self._fresh.get(place) if found is None else found

    def add(self, place: _Place, page: bytes) -> None:
        """Add a page that was read, of a state that may prove torn."""
        if self._generation is not None:
            self._fresh[place] = page

    def settle(self, *, is_whole: bool) -> None:
        """Keep what was read since `begin` if the state *is_whole*."""
        if is_whole:
            for place, page in self._fresh.items():
                self._kept[place] = page
                self._size += len(page)

            while self._size > MAX_BYTES:
                self._size -= len(self._kept.pop(next(iter(self._kept))))

        self._fresh.clear()
