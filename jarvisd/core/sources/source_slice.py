"""What discovery schedules: a source that gives slices, each read in one turn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import stat_result
from typing import Generic, Protocol, TypeVar

from jarvisd.core.roots import Position
from jarvisd.core.source import StreamTotals
from jarvisd.core.sources.jsonlines.lines import Condense, Oversize, TextLine

NOT_READ = "is in no folder that is read now"
"""Of a block without a source: other folders were configured when it was read."""

P_co = TypeVar("P_co", bound=Position, covariant=True)


Lines = list[TextLine | Oversize]


@dataclass(slots=True)
class StreamSlice:
    """What a slice has of one stream: of a session that its source carries.

    *replaced* of its lines until now, of *replaced_chars* code points together, come
    again among *lines*, changed. *restarted* says that all of its lines until now are
    void, *ended* that no more comes. *totals* is what it has after this slice, where the
    source knows that.
    """

    lines: Lines = field(default_factory=list)
    replaced: int = 0
    replaced_chars: int = 0
    restarted: bool = False
    ended: bool = False
    totals: StreamTotals | None = None


@dataclass(slots=True)
class SourceSlice(Generic[P_co]):
    """What one turn gave.

    *position* is where to go on once *lines* are counted; *more* says that there is
    more to read already. *rest* is the unfinished last line of a file that has ended,
    which counts if it is a record. *restarted* is true when the file turned out to be
    another one or to be cut, *gone* when there is no file any more. *fault* says why
    the source cannot be read for now. *streams* is what other kinds than files of lines
    have instead of *lines*: by session, "" where that is told by the name of the source.
    """

    lines: Lines
    position: P_co
    read_bytes: int = 0
    partial_bytes: int = 0
    more: bool = False
    rest: TextLine | Oversize | None = None
    restarted: bool = False
    gone: bool = False
    fault: str | None = None
    streams: Mapping[str, StreamSlice] = field(default_factory=dict)


class RereadableLines(Protocol):
    """Lines that can be read again. Both methods block: for a thread.

    They raise SourceError where that cannot be done, or OSError.
    """

    def lines(
        self, position: Position, condense: Condense
    ) -> Iterator[TextLine | Oversize]:
        """Yield all lines up to *position* again, long ones by *condense*."""
        ...

    def last_lines(self, position: Position, count: int) -> list[str]:
        """Return the last *count* lines before *position*."""
        ...


class ScheduledSource(RereadableLines, Protocol):
    """A source as discovery reads it, whatever its kind."""

    condense: Condense | None
    """What becomes of long lines; set before the first slice is read."""

    @property
    def path(self) -> str:
        """Return where it is now."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """Return all files whose changes are changes of it; *path* comes first."""
        ...

    @property
    def folder(self) -> str:
        """Return the folder in which its changes show."""
        ...

    @property
    def seen_bytes(self) -> int | None:
        """Return how large it was at the last look; None before the first."""
        ...

    @property
    def is_unsettled(self) -> bool:
        """Whether it is to be looked at by time, whatever is hinted of it."""
        ...

    @property
    def retry_s(self) -> float | None:
        """Return in how many seconds to read again although nothing changes."""
        ...

    def changed(self, seen: stat_result) -> bool:
        """Whether one of *paths* with this status is worth a look."""
        ...

    def is_ready(self) -> bool:
        """Whether `read` has nothing to wait for, as far as that can be known."""
        ...

    async def prepare(self) -> None:
        """Wait for what `read` needs; what goes wrong is for `read`."""
        ...

    def read(self, position: Position, now: float) -> SourceSlice[Position]:
        """Return the next slice after *position*, at the monotonic time *now*.

        Raises:
            SourceError: It cannot be read; tell the user, and try again later.
            OSError: The disk failed.

        """
        ...

    def remember(self, position: Position) -> None:
        """Keep what makes reading on from *position* cheap and exact: it is followed."""
        ...

    def forget(self) -> None:
        """Drop what is only kept while it is followed."""
        ...
