"""One line on its way into the books, and the shelves that it goes to."""

from dataclasses import dataclass, field
from typing import Any

from jarvisd.core.record import Record
from jarvisd.ledger.key_set import KeySet
from jarvisd.ledger.lane import Lane
from jarvisd.ledger.limit_samples import Samples, followed
from jarvisd.ledger.model import (
    UNKNOWN_START_MS,
    CallRow,
    LimitRow,
    MarkRow,
    ResponseRow,
)
from jarvisd.ledger.row_cache import RowCache
from jarvisd.ledger.session_totals import Session


@dataclass(slots=True)
class RowCaches:
    """The rows at hand, and the newest word on each limit."""

    responses: RowCache[ResponseRow]
    calls: RowCache[CallRow]
    marks: RowCache[MarkRow]
    limits: dict[tuple[str, str], LimitRow] = field(default_factory=dict)
    samples: dict[tuple[str, str], tuple[Samples, ...]] = field(default_factory=dict)

    @classmethod
    def empty(cls, known: KeySet, window: int) -> "RowCaches":
        """Return shelves with nothing on them, to keep *window* rows of each kind."""
        return cls(
            RowCache(known, "response", window),
            RowCache(known, "call", window),
            RowCache(known, "mark", window),
        )

    def all(self) -> tuple[RowCache[ResponseRow], RowCache[CallRow], RowCache[MarkRow]]:
        """Return all three."""
        return self.responses, self.calls, self.marks

    def put_limit(self, row: LimitRow) -> None:
        """Keep *row* as the newest word on its limit, and a sample of each window."""
        key = (row.agent, row.limit)
        self.limits[key] = row
        self.samples[key] = followed(self.samples.get(key, ()), row)


class LineContext:
    """One line on its way into the books."""

    __slots__ = (
        "agent",
        "at_ms",
        "lane",
        "rank",
        "record",
        "session",
        "shelves",
        "since_ms",
    )

    def __init__(
        self, shelves: RowCaches, lane: Lane, session: Session, record: Record
    ) -> None:
        self.shelves, self.lane, self.session = shelves, lane, session
        self.record, self.agent = record, lane.agent
        # A line without a time has that of the line before; 0 is for comparing only.
        self.at_ms = lane.carry.last_ms
        self.since_ms = self.at_ms or 0
        self.rank = 1 if record.sidechain or lane.parent_session_id is not None else 0

    @property
    def start_ms(self) -> int:
        """Return when the transcript starts; one that the line is copied into, never."""
        lane, record = self.lane, self.record
        named, copies = record.session_id, record.copied or lane.carry.copied_ms
        if copies or (named != lane.session_id and named is not None):
            return UNKNOWN_START_MS if lane.copies(record) else lane.start_ms

        return lane.start_ms

    @property
    def name(self) -> str:
        """Return what the line is called: by the agent, or else by its place."""
        return self.record.key or f"@{self.lane.session_id}:{self.record.offset}"


def newer(old: Any, new: Any) -> Any:
    """Return the greater of two (time, value); of one time the greater value."""
    return new if old is None or new > old else old
