"""The ledger: events in, rows and session totals out, everything counted once.

Reading a line costs its own length, whatever was read before. Rows are merged from
copies (`merge`), kept in memory for a while (`row_cache`), and counted into sessions
(`session_totals`). A flush takes a `LedgerBatch`; copies of rows that are no longer in memory
are settled by the store, and come back as corrections.

The order in which files are read, where reading stops and starts again, and how often
a line is read make no difference to rows, nor to what sessions and the rollup get from
them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jarvisd.core.event import LimitsReported
from jarvisd.core.feature import ALL, Feature, FlushOutcome, Scope, SessionKey, Slice
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Record
from jarvisd.core.traits import TraitsOf, no_traits
from jarvisd.ledger.fold import LineContext, fold
from jarvisd.ledger.ledger_stream import FoldedStream, LedgerStream
from jarvisd.ledger.limit_samples import Samples
from jarvisd.ledger.model import (
    CallRow,
    Cell,
    FormerKey,
    LedgerBatch,
    LedgerReceipt,
    LimitRow,
    MarkRow,
    Outdated,
    ResponseRow,
    Row,
    SessionRow,
    row_version,
)
from jarvisd.ledger.open_segments import IDLE_MS
from jarvisd.ledger.repricing import Priced, Repricing
from jarvisd.ledger.rollup import Rollup, RowSums
from jarvisd.ledger.row_cache import KeySet, RowCaches
from jarvisd.ledger.session_totals import (
    GAP_MS,
    Price,
    Session,
    decoded,
    summed,
)

WINDOW_ROWS = 4_096
"""Stored rows of each kind in memory: two megabytes. Copies come close together."""

MAX_UNSAVED = 2_048
"""Rows that start a flush at once. Counting and taking them is one step, for which a
live line has to wait: some ten milliseconds."""


class Ledger(Feature):
    """The accounts of all agents.

    Between `take` and `settled` records may be folded, but no second batch taken.
    """

    def __init__(
        self,
        price: Price,
        *,
        window: int = WINDOW_ROWS,
        idle_ms: int = IDLE_MS,
        traits_of: TraitsOf = no_traits,
    ) -> None:
        self._price = price
        self._traits_of = traits_of
        self._idle_ms = idle_ms
        self._run_ms = min(idle_ms, GAP_MS)
        self._window = window
        self.clear()

    def clear(self) -> None:
        """Drop everything: at the start, and when the database was replaced."""
        self.known = KeySet()
        self.rollup = Rollup()
        self._caches = RowCaches.empty(self.known, self._window)
        self._sessions: dict[SessionKey, Session] = {}
        self._sums = RowSums(self._sessions, self.rollup, self._price)
        self._dirty: set[SessionKey] = set()
        self._newest: Session | None = None  # which is in *_dirty*
        self._runs: list[tuple[LedgerStream, Session]] = []
        self._taken_limits: dict[tuple[str, str], LimitRow] = {}
        self._repricing = Repricing()
        self._outdated: dict[SessionKey, int] = {}
        self._former: tuple[FormerKey, ...] = ()
        self._refused: list[str] = []
        self._is_mixed = False

    def restore(
        self,
        sessions: Iterable[bytes],
        limits: Iterable[LimitRow] = (),
        cells: Iterable[Cell] = (),
        priced: Priced | None = None,
    ) -> None:
        """Restore what was stored; of *sessions* the states are enough.

        `known` gets its keys separately.
        """
        for state in sessions:
            session = decoded(state)
            session.open_segments.restored(self._idle_ms)
            session.share_names()
            self._sessions[session.agent, session.session_id] = session

        for limit in limits:
            self._caches.put_limit(limit)

        self._taken_limits = dict(self._caches.limits)

        self.rollup.restore(cells)
        self._repricing.restore(priced or {})

    def use_prices(self, version: str) -> None:
        """Use the price table *version* from now on.

        Sessions priced by another one are priced again, some with each flush.
        """
        self._repricing.use(version, self._sessions)

    def replace_older(self, agent: str, session_id: SessionId, version: int) -> None:
        """Record that every line of a session was folded again, by parser *version*.

        The next flush deletes rows that only an older parser has read.
        """
        self._outdated[agent, session_id] = row_version(version)

    def needs_repricing(self) -> bool:
        """Whether there are costs of another price table than that in use."""
        return bool(self._repricing.stale)

    def apply(self, stream: FoldedStream, record: Record, *, live: bool = True) -> None:
        """Merge what one line of *stream* says; `applied` counts it."""
        del live
        own = stream.ledger
        own.meet(record)
        session = own.session
        if session is None:
            if not (record.events or record.at_ms or record.session_id):
                return  # plain text: of no session

            session = own.session = self._session_for(own)
            own.line = LineContext(self._caches, own, session)
            traits, path = self._traits_of(own.agent), own.origin.path
            own.survivors = traits.survivors
            own.account = None if path is None else traits.account(path)

        if session is not self._newest:  # mostly the session of the line before
            self._newest = session
            self._dirty.add((own.agent, session.session_id))

        at_ms = record.at_ms
        if at_ms is not None:
            if own.until_ms < at_ms <= own.until_ms + self._run_ms:
                own.until_ms = at_ms  # nearly always
            elif not own.since_ms <= at_ms <= own.until_ms:
                self._begin_run(own, session, at_ms)

        fold(own.line, record)

    def _begin_run(self, own: LedgerStream, session: Session, at_ms: int) -> None:
        """Begin a run of lines of *own* at *at_ms*, in a segment and a span of *session*.

        Lines that follow soon only extend the run. So a line costs a comparison.
        """
        self._end_runs()
        session.spans.add(at_ms)
        if not session.open_segments.extend(at_ms):
            self._count_changes()
            session.open_segments.begin(at_ms, summed(session))

        if at_ms > session.open_segments.closed_ms:
            own.since_ms = own.until_ms = at_ms
            self._runs.append((own, session))

    def _end_runs(self) -> None:
        """Extend spans and segments to the last line of each run."""
        for own, session in self._runs:
            since_ms, until_ms = own.since_ms, own.until_ms
            own.end_run()
            if until_ms > since_ms:
                session.spans.stretch(since_ms, until_ms)
                session.open_segments.stretch(since_ms, until_ms)

        self._runs.clear()

    def session(self, agent: str, session_id: SessionId) -> Session | None:
        """Return the totals of a session."""
        return self._sessions.get((agent, session_id))

    @property
    def session_count(self) -> int:
        """Return the number of sessions."""
        return len(self._sessions)

    def sessions(self) -> Iterator[Session]:
        """Return the totals of all sessions."""
        return iter(self._sessions.values())

    def cost_micros(self, row: ResponseRow) -> int | None:
        """Return the cost of *row*; None if it has no price."""
        return self._price(
            row.model, row.variant, row.at_ms, row.tokens, row.web_searches
        )

    def cost_so_far(self, agent: str, session_id: SessionId) -> int | None:
        """Return the cost of a session so far; None if it is not known."""
        session = self._sessions.get((agent, session_id))
        return None if session is None else session.cost_micros

    def limits(self) -> Iterator[LimitRow]:
        """Return the newest report of every limit."""
        return iter(self._caches.limits.values())

    def samples(self) -> dict[tuple[str, str], tuple[Samples, ...]]:
        """Return the recent samples of each window of each limit, by its name."""
        return dict(self._caches.samples)

    def apply_limits(self, agent: str, event: LimitsReported, at_ms: int) -> None:
        """Apply a report of an account's limits from outside of transcripts."""
        self._caches.put_limits(agent, event, at_ms)

    @property
    def unsaved(self) -> int:
        """Return the number of rows that wait to be stored."""
        caches = self._caches
        return caches.responses.unsaved + caches.calls.unsaved + caches.marks.unsaved

    @property
    def is_pressing(self) -> bool:
        """Whether enough rows wait to store them at once."""
        return self.unsaved >= MAX_UNSAVED

    @property
    def is_mixed(self) -> bool:
        """Whether rows, totals and cells cannot be separated by sessions now.

        If they can, those of a session come from its own lines alone.
        """
        mixed = self._is_mixed or any(each.is_mixed for each in self._caches.all())
        return mixed or bool(self._outdated)

    def holds(self, session: Session) -> bool:
        """Whether *session* is current, and not of a database before."""
        return self._sessions.get((session.agent, session.session_id)) is session

    def touch(self, session: Session) -> None:
        """Store *session* with the next flush, though no line has changed it."""
        self._dirty.add((session.agent, session.session_id))

    def take(self, scope: Scope = ALL) -> LedgerBatch | None:
        """Return the batch to store, consistent with every stream as it is now.

        Of *scope* only the sessions matter.
        """
        batch = (
            self._take() if scope.sessions is None else self._take_of(scope.sessions)
        )
        return batch or None

    def settled(
        self, outcome: FlushOutcome, change: LedgerBatch, receipt: LedgerReceipt | None
    ) -> None:
        """Go on after *change*: count what the store changed, or take all back."""
        if outcome is FlushOutcome.REFUSED:
            self._put_back(change)
        elif outcome is FlushOutcome.COMMITTED and receipt is not None:
            self._stored(receipt)

    def _take(self) -> LedgerBatch:
        caches = self._caches
        taken: dict[str, Any] = {"prices": self._repricing.version}
        with self._put_back_on_error(taken):
            taken["former"] = self._former + self._take_former()
            self._former = ()
            taken["responses"], contested_responses = caches.responses.take()
            taken["calls"], contested_calls = caches.calls.take()
            taken["marks"], contested_marks = caches.marks.take()
            taken["contested"] = contested_responses | contested_calls | contested_marks
            taken["reprice"] = self._repricing.take(self._sessions, self.rollup)
            taken["outdated"] = self._take_outdated()
            taken["cells"] = self.rollup.take()
            taken["limits"] = self._take_limits()
            taken["sessions"] = tuple(self._rows_of(self._dirty))
            self._dirty, self._newest, self._is_mixed = set(), None, False

        return LedgerBatch(**taken)

    def _take_of(self, sessions: Collection[SessionKey]) -> LedgerBatch:
        """Return the unsaved rows of *sessions*, and keep those of others."""
        caches = self._caches
        dirty = self._dirty.intersection(sessions)
        taken: dict[str, Any] = {"prices": self._repricing.version}
        with self._put_back_on_error(taken):
            taken["responses"] = caches.responses.take_of(sessions)
            taken["calls"] = caches.calls.take_of(sessions)
            taken["marks"] = caches.marks.take_of(sessions)
            taken["cells"] = self.rollup.take_of(sessions)
            taken["limits"] = self._take_limits()
            taken["sessions"] = tuple(self._rows_of(dirty))
            self._dirty, self._newest = self._dirty - dirty, None

        return LedgerBatch(**taken)

    @contextmanager
    def _put_back_on_error(self, taken: Mapping[str, Any]) -> Iterator[None]:
        """Put the fields of a batch that were *taken* back if a later step fails."""
        try:
            yield
        except BaseException:
            self._put_back(LedgerBatch(**taken))
            raise

    def _stored(self, receipt: LedgerReceipt) -> None:
        self._repricing.hold(self._sessions, self.rollup)
        for correction in receipt.corrections:
            if correction.before != correction.after:
                self._count(correction.before, correction.after)

            match correction.after:
                case ResponseRow() as row:
                    self._caches.responses.settled(row)
                case CallRow() as row:
                    self._caches.calls.settled(row)
                case MarkRow() as row:
                    self._caches.marks.settled(row)

        self._repricing.apply(receipt.repriced, self._sessions, self.rollup)
        self._count_changes()
        for cache in self._caches.all():
            cache.forget()

    def _put_back(self, batch: LedgerBatch) -> None:
        self._is_mixed = True
        self._caches.responses.put_back(batch.responses)
        self._caches.calls.put_back(batch.calls)
        self._caches.marks.put_back(batch.marks)
        self.rollup.put_back(batch.cells)
        self._taken_limits = {}
        self._repricing.put_back(batch.reprice)
        for each in batch.outdated:
            self._outdated[each.agent, each.session_id] = each.version

        self._former += batch.former
        self._dirty.update((row.agent, row.session_id) for row in batch.sessions)

    def take_refused(self) -> list[str]:
        """Return the rows that could not be counted or made since the last time."""
        refused, self._refused = self._refused, []
        return refused

    def _rows_of(self, sessions: Iterable[SessionKey]) -> Iterator[SessionRow]:
        for key in sessions:
            try:
                yield self._sessions[key].row()
            except Exception as exc:  # a row that fails is put aside
                self._refused.append(f"session: {type(exc).__name__}")

    def _take_outdated(self) -> tuple[Outdated, ...]:
        outdated, self._outdated = self._outdated, {}
        return tuple(
            Outdated(agent=agent, session_id=session_id, version=version)
            for (agent, session_id), version in outdated.items()
        )

    def _take_former(self) -> tuple[FormerKey, ...]:
        return tuple(
            FormerKey(key=key, called_ms=row.called_ms, version=row.version)
            for key, row in self._caches.calls.take_former()
        )

    def _take_limits(self) -> tuple[LimitRow, ...]:
        limits = self._caches.limits
        news = [
            row for key, row in limits.items() if self._taken_limits.get(key) != row
        ]
        self._taken_limits = dict(limits)
        return tuple(news)

    def _session_for(self, stream: LedgerStream) -> Session:
        key = (stream.agent, stream.session_id)
        self._is_mixed = self._is_mixed or stream.renamed
        session = self._sessions.get(key)
        if session is None:
            session = Session(session_id=stream.session_id, agent=stream.agent)
            session.open_segments.idle_ms = self._idle_ms
            self._sessions[key] = session

        session.parent_session_id = (
            session.parent_session_id or stream.parent_session_id
        )
        return session

    def applied(self, part: Slice | None = None) -> None:
        """Count the rows that the records of a slice have changed, each once.

        A response whose lines come together is counted once and not with each of them.
        """
        del part
        self._count_changes()

    def _count_changes(self) -> None:
        self._end_runs()
        for cache in self._caches.all():
            for before, after in cache.changes():
                self._count(before, after)

    def _count(self, before: Row | None, after: Row | None) -> None:
        """Count *after* in place of *before*; a row that fails is put aside."""
        try:
            self._sums.apply(before, after)
        except Exception as exc:
            self._refused.append(f"count: {type(exc).__name__}")

        if before is not None:
            self._dirty.add((before.agent, before.session_id))

        if after is not None:
            self._dirty.add((after.agent, after.session_id))
