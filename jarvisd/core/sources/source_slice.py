"""The contract of sources that discovery schedules: each slice is read in one turn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import stat_result
from typing import Generic, Protocol, TypeVar

from jarvisd.core.roots import Position
from jarvisd.core.source import Fault, StreamTotals
from jarvisd.core.sources.jsonlines.lines import Condense, Oversize, TextLine

NOT_READ = "is in no folder that is read now"
"""The error of a block without a source: its folder is not configured any more."""

P_co = TypeVar("P_co", bound=Position, covariant=True)


Lines = list[TextLine | Oversize]


@dataclass(slots=True)
class StreamSlice:
    """The part of a slice that belongs to one stream, a session in the source.

    Its earlier lines at the offsets *replaced*, with *replaced_chars* code points in total,
    are among *lines* again in a new version. *restarted* means that all earlier lines are void,
    *ended* that no more follow. *totals* are its totals after this slice, if the source
    knows them.
    """

    lines: Lines = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    replaced_chars: int = 0
    restarted: bool = False
    ended: bool = False
    totals: StreamTotals | None = None


@dataclass(slots=True)
class SourceSlice(Generic[P_co]):
    """The result of reading a source in one turn.

    *position* is the position after *lines*; *more* means that there is more to read
    now. *rest* is the partial last line of a file that has ended, which counts if it is
    a complete record. *restarted* means that the file is another one or was truncated,
    *gone* that it does not exist any more. *fault* is the reason why the source cannot
    be read now. *streams* replaces *lines* for sources other than files of lines: by
    session, or "" if the name of the source identifies the session.
    """

    lines: Lines
    position: P_co
    read_bytes: int = 0
    partial_bytes: int = 0
    more: bool = False
    rest: TextLine | Oversize | None = None
    restarted: bool = False
    gone: bool = False
    fault: Fault | None = None
    streams: Mapping[str, StreamSlice] = field(default_factory=dict)


class RereadableLines(Protocol):
    """Lines that can be read again. Both methods block, so call them on a thread.

    They raise SourceError if the source cannot be read, or OSError.
    """

    @property
    def are_items(self) -> bool:
        """Whether they are elements of documents or rows of databases."""
        ...

    @property
    def has_removed(self) -> bool:
        """Whether some were counted that are not there any more, to be read again."""
        ...

    def lines(
        self, position: Position, condense: Condense
    ) -> Iterator[TextLine | Oversize]:
        """Yield all lines up to *position* again; condense long ones by *condense*."""
        ...

    def last_lines(self, position: Position, count: int) -> list[str]:
        """Return the last *count* lines before *position*."""
        ...


class ScheduledSource(RereadableLines, Protocol):
    """A source of any kind, as discovery reads it."""

    condense: Condense | None
    """Condenses long lines; set before the first slice is read."""

    @property
    def path(self) -> str:
        """Return the current path."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the files whose changes are changes of the source, *path* first."""
        ...

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the folders whose watches report its changes."""
        ...

    @property
    def seen_bytes(self) -> int | None:
        """Return its size at the last read; None before the first."""
        ...

    @property
    def is_unsettled(self) -> bool:
        """Whether it must be checked periodically, because hints are incomplete."""
        ...

    @property
    def retry_s(self) -> float | None:
        """Return the seconds after which to read again without a change, or None."""
        ...

    def changed(self, seen: stat_result) -> bool:
        """Whether the status *seen* of one of *paths* is a reason to read."""
        ...

    def is_ready(self) -> bool:
        """Whether `read` would not block, as far as is known."""
        ...

    async def prepare(self) -> None:
        """Prepare `read`, such as by opening a file; `read` raises its errors."""
        ...

    def read(self, position: Position, now: float) -> SourceSlice[Position]:
        """Return the next slice after *position*, at the monotonic time *now*.

        Raises:
            SourceError: The source is not readable; report that, and retry later.
            OSError: The disk failed.

        """
        ...

    def remember(self, position: Position) -> None:
        """Keep data in memory that makes following from *position* on cheap and exact."""
        ...

    def forget(self) -> None:
        """Drop the data that only followed sources need."""
        ...
