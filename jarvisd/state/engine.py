"""The board: every session that is alive or recent, judged when it has to be.

Synchronous and clockless: what time it is comes with `judge`. Sessions of long ago have
no seat, and cost nothing but the facts in their streams. A session is judged together with
all that it started and was started by, for they share a process and needs roll up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from itertools import islice
from typing import NamedTuple

from jarvisd.base.session_words import OVER, WAITS, Confidence, State
from jarvisd.core.block import Block
from jarvisd.core.feature import Feature
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Record
from jarvisd.core.signal import Dialog, HookCalled, OutputClosed, Signal
from jarvisd.core.traits import TraitsOf, no_traits
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state.endings import GIVEN_UP_MS
from jarvisd.state.facts import Phase, StateFacts, StateStream, note
from jarvisd.state.ladder import verdict_on
from jarvisd.state.latest_signals import LatestSignals
from jarvisd.state.model import Attention, StateView, Tier, Transition, needs_somebody
from jarvisd.state.reasons import Burn, attention_to, silence_due_ms
from jarvisd.state.session_registry import MAX_DEPTH, Reminders, SessionRegistry
from jarvisd.state.session_state import SeatKey, SessionState
from jarvisd.state.situation import Situation, StateVerdict

FORGOTTEN_MS = 24 * 3_600_000
"""How long after its last sign a session that is over stays on the board."""

LATER_MS = 60_000
"""When a session is looked at again that was due and is still the same."""

Cost = Callable[[str, SessionId], int | None]
"""(agent, session) -> what it cost so far, in micro-dollars; None if not known."""

MAX_JUDGED = 256
"""Sessions judged in one turn of the loop: some ten milliseconds."""

_LONG_SILENT = StateView(
    state=State.ENDED, evidence="silent for long", confidence=Confidence.LOW
)
_NO_WORD = StateView(
    state=State.UNKNOWN, evidence="the output of this agent tells no state"
)


class News(Enum):
    """What is new in a stream: lines of long ago, facts of an earlier run, or lines now."""

    HISTORY = auto()
    RECALLED = auto()
    LIVE = auto()


class StateCounts(NamedTuple):
    """How many sessions are in each state, and how many of them need somebody."""

    version: int
    states: Counter[State]
    need: int


class StateEngine(Feature):
    """Facts and signals in, verdicts and transitions out.

    Lines are folded behind the ledger, whose open tool calls are used, too.
    """

    def __init__(
        self,
        cost: Cost | None = None,
        *,
        traits_of: TraitsOf = no_traits,
        checks_processes: bool = False,
    ) -> None:
        self._cost = cost
        self._traits_of = traits_of
        self._seats = SessionRegistry(traits_of)
        self._reminders = Reminders(self._seats.get)
        self._streams: dict[StateStream, News] = {}
        self._newest: StateStream | None = (
            None  # which is in *_streams*, as *_news* says
        )
        self._news = News.HISTORY
        self.checks_processes = checks_processes
        self._touched: set[SeatKey] = set()
        self._left: list[SeatKey] = []
        self._attended: list[SeatKey] = []
        self._asking: dict[SeatKey, None] = {}
        self._asked: set[SeatKey] = set()
        self._counts = StateCounts(-1, Counter(), 0)
        self._changes = 0

    @property
    def version(self) -> int:
        """Return a number that grows whenever a session comes, goes or changes state."""
        return self._seats.version + self._changes

    # What comes in

    def recall(self, transitions: Iterable[Transition]) -> None:
        """Take back the last transition of each session that is recent, from the store.

        So a restart is no change of state. Who waited in a dialog that a hook told of has
        a seat at once, for it may have no transcript that is read.
        """
        for key in self._seats.recall(transitions):
            self._seats.take(key, _parent_in(key[1]))
            self._touched.add(key)

    def meet(self, stream: StateStream) -> None:
        """Take back the facts of a block that was read in an earlier run."""
        self._streams.setdefault(stream, News.RECALLED)

    def open_memory(
        self, block: Block, version: int, saved: Mapping[str, bytes]
    ) -> StateStream:
        """Return what the ledger and the states remember of *block*, from *saved*."""
        ledger = LedgerStream.open(
            block.origin,
            saved.get("ledger", b""),
            version=version,
            generation=block.position.generation,
        )
        return StateStream(ledger, saved.get("states", b""))

    def apply(self, stream: StateStream, record: Record, *, live: bool) -> None:
        """Take in what a line says; *live* False means history, read late."""
        if record.events:
            note(stream, record)
            news = News.LIVE if live else News.HISTORY
            if stream is not self._newest or news is not self._news:
                self._newest, self._news = stream, news
                self._streams[stream] = news

    def closed(self, stream: Block, now_ms: int) -> None:
        """Take it as a signal that the output of a session has ended."""
        if stream.session is not None:
            agent, session_id = stream.session.agent, stream.session.session_id
            self.hear(OutputClosed(agent=agent, session_id=session_id, at_ms=now_ms))

    def hear(self, signal: Signal) -> None:
        """Take in what somebody witnessed."""
        key = (signal.agent, signal.session_id)
        if isinstance(signal, OutputClosed) and key not in self._seats:
            return  # of plain output no state is told

        seat = self._seats.take(key, _parent_in(signal.session_id))
        seat.held.hear(signal)
        if isinstance(signal, HookCalled):
            seat.quiet_ms = 0  # it is alive now, however much history is still to come

        self._touched.add(key)

    # What goes out

    def judge(self, now_ms: int) -> list[Transition]:
        """Judge all that was touched or is due, and return what that changes."""
        self._take_streams(now_ms)
        touched = (*self._left, *self._touched, *self._reminders.take(now_ms))
        roots = dict.fromkeys(map(self._seats.root, touched))
        self._touched = set()
        changes: list[Transition] = []
        for key in islice(roots, MAX_JUDGED):
            self._judge_family(key, now_ms, changes)

        # The rest at once, but not in this turn of the loop: after a start they are many.
        self._left = list(islice(roots, MAX_JUDGED, None))
        return changes

    def take_attended(self) -> list[SeatKey]:
        """Return whose attention the judgements since the last call have changed."""
        attended, self._attended = self._attended, []
        return attended

    @property
    def has_news(self) -> bool:
        """Whether something was heard that is not judged yet."""
        return bool(self._streams or self._touched or self._left)

    @property
    def next_ms(self) -> int | None:
        """Return when to judge although nothing happens; 0 for at once."""
        return 0 if self._left else self._reminders.next_ms

    def view(self, agent: str, session_id: SessionId) -> StateView:
        """Return the state as it was judged last."""
        seat = self._seats.get((agent, session_id))
        if seat is not None:
            return seat.view()

        return _LONG_SILENT if self._traits_of(agent).has_states else _NO_WORD

    def state_of(self, key: SeatKey) -> State:
        """Return the state alone, as it was judged last."""
        seat = self._seats.get(key)
        if seat is None or seat.told is None:
            return State.UNKNOWN

        return seat.told.state

    def is_needy(self, key: SeatKey) -> bool:
        """Return True if the session surely needs somebody."""
        seat = self._seats.get(key)
        told = None if seat is None else seat.told
        return told is not None and needs_somebody(told.state, told.confidence)

    def asking(self) -> list[SeatKey]:
        """Return the sessions of which a hook told of a dialog that may be open."""
        return [key for key in self._asked if key in self._seats]

    def is_at_work(self, key: SeatKey) -> bool:
        """Return True if the session may be running commands."""
        return self.state_of(key) in {State.WORKING, State.COMPACTING}

    def counts(self) -> StateCounts:
        """Count the sessions that nobody started; the same until one changes."""
        if self._counts.version != self.version:
            states = Counter(map(self.state_of, self.roots()))
            need = sum(map(self.is_needy, self.roots()))
            self._counts = StateCounts(self.version, states, need)

        return self._counts

    def origin_of(self, key: SeatKey) -> tuple[SessionId | None, str | None]:
        """Return the starter of the session and its working folder, from signals."""
        seat = self._seats.get(key)
        if seat is None:
            return None, None

        return None if seat.parent is None else seat.parent[1], seat.held.cwd

    def dialogs(self) -> list[Dialog]:
        """Return the dialogs that hooks told of and whose process is known."""
        found = []
        for key in tuple(self._asking):
            seat = self._seats.get(key)
            ask = None if seat is None else seat.held.ask
            if seat is None or ask is None:
                del self._asking[key]
                continue

            pid = ask.pid or seat.held.pid
            if pid is not None:
                found.append(Dialog(agent=key[0], session_id=key[1], pid=pid))

        return found

    def sessions(self) -> Iterator[SeatKey]:
        """Return those that are alive or recent."""
        return iter(self._seats)

    def roots(self) -> Iterator[SeatKey]:
        """Return those of them that no session started."""
        return self._seats.roots()

    # Seats

    def _take_streams(self, now_ms: int) -> None:
        streams, self._streams, self._newest = self._streams, {}, None
        for stream, news in streams.items():
            if news is not News.HISTORY:
                _date(stream, now_ms)

            ledger, heard_ms = stream.ledger, stream.facts.heard_ms
            key = (ledger.agent, ledger.session_id)
            recent = heard_ms is not None and now_ms - heard_ms < GIVEN_UP_MS
            if recent or key in self._seats:
                self._sit(key, stream, news, now_ms=now_ms)

    def _sit(
        self, key: SeatKey, stream: StateStream, news: News, *, now_ms: int
    ) -> None:
        seat = self._seats.take(key, stream.ledger.parent_session_id)
        old = seat.stream
        if old is None or _heard_ms(stream) >= _heard_ms(old):
            seat.stream = stream

        if news is News.HISTORY:
            seat.hold_back(now_ms)
            self._reminders.note(seat)
        else:
            seat.held.is_live |= news is News.LIVE
            self._touched.add(key)

    # Judging

    def _judge_family(
        self, key: SeatKey, now_ms: int, changes: list[Transition], depth: int = 0
    ) -> None:
        seat = self._seats.get(key)
        if seat is None:
            return

        verdicts = self._judge_children(key, now_ms, changes, depth)
        if now_ms < seat.quiet_ms:
            seat.due_ms = seat.quiet_ms
            self._reminders.note(seat)
            return

        was_over = _is_over(seat)
        self._judge_seat(seat, verdicts, now_ms)
        change = seat.change(now_ms)
        if change is not None:
            changes.append(change)

        if _is_over(seat) and not was_over:
            self._judge_children(key, now_ms, changes, depth)  # they end with it

        if _is_forgotten(seat, now_ms):
            self._seats.leave(seat)

    def _judge_children(
        self, key: SeatKey, now_ms: int, changes: list[Transition], depth: int
    ) -> list[StateVerdict]:
        """Judge whom the session of *key* has started; return what is said of them."""
        children = self._seats.children(key)
        if depth < MAX_DEPTH:
            for each in children:
                self._judge_family(each.key, now_ms, changes, depth + 1)

        return [
            each.told
            for each in children
            if each.told is not None and each.key in self._seats
        ]

    def _judge_seat(
        self, seat: SessionState, children: list[StateVerdict], now_ms: int
    ) -> None:
        case = self._case(seat, children, now_ms)
        verdict, seat.due_ms = verdict_on(case), None
        if self.checks_processes and seat.awaits_check(case, verdict):
            seat.call_back(seat.check_by_ms)
            self._reminders.note(seat)
            return

        before = seat.told
        answered = before is not None and case.has_left(before.since_ms or now_ms)
        told = seat.settle(verdict, now_ms, answered=answered)
        seat.told = told
        if before is None or _shown(before) != _shown(told):
            self._changes += 1

        if seat.is_asking:
            self._asked.add(seat.key)
        else:
            self._asked.discard(seat.key)

        if told.state in WAITS and told.tier is Tier.HOOK:
            self._asking[seat.key] = None
        else:
            self._asking.pop(seat.key, None)

        attention = attention_to(case, told) + self._burn(seat, now_ms)
        if attention != seat.attention:
            seat.attention = attention
            self._attended.append(seat.key)

        seat.call_back(verdict.recheck_ms)
        seat.call_back(silence_due_ms(case, told))
        if told.state in OVER and told.since_ms is not None:
            seat.call_back(told.since_ms + FORGOTTEN_MS)

        if seat.due_ms is not None and seat.due_ms <= now_ms:
            seat.due_ms = now_ms + LATER_MS  # it is not to be gone, for all we know

        self._reminders.note(seat)

    def _case(
        self, seat: SessionState, children: list[StateVerdict], now_ms: int
    ) -> Situation:
        above = self._seats.get(self._seats.root(seat.key))
        needs = [each for each in children if each.state in WAITS]
        working = [each for each in children if each.state is State.WORKING]
        stream = seat.stream
        return Situation(
            now_ms=now_ms,
            facts=StateFacts() if stream is None else stream.facts,
            calls={} if stream is None else stream.ledger.memory.open_tools,
            held=seat.held,
            above=_above(seat, above),
            root_over=_verdict_if_over(seat, above),
            needs=min(needs, key=_urgency, default=None),
            working=len(working),
        )

    def _burn(self, seat: SessionState, now_ms: int) -> tuple[Attention, ...]:
        micros = None if self._cost is None else self._cost(*seat.key)
        if micros is None:
            return ()

        if seat.burn is None:
            seat.burn = Burn(now_ms, micros)

        return seat.burn.attention(micros, now_ms)


def _shown(told: StateVerdict) -> tuple[State, bool]:
    """Return the parts of a verdict that counts of sessions depend on."""
    return told.state, needs_somebody(told.state, told.confidence)


def _above(seat: SessionState, root: SessionState | None) -> LatestSignals | None:
    """Return the signals of the session at the top; None if *seat* is that."""
    if seat.parent is None:
        return None

    return LatestSignals() if root is None or root is seat else root.held


def _is_over(seat: SessionState) -> bool:
    return seat.told is not None and seat.told.state in OVER


def _verdict_if_over(
    seat: SessionState, root: SessionState | None
) -> StateVerdict | None:
    """Return the verdict on the topmost session, if it is over and not *seat*."""
    if root is None or root is seat or not _is_over(root):
        return None

    return root.told


def _date(stream: StateStream, now_ms: int) -> None:
    """Set the time of printed lines without one to the time of arrival."""
    facts = stream.facts
    if facts.heard_ms is None and facts.phase is not Phase.NONE:
        facts.heard_ms = now_ms
        facts.since_ms = facts.since_ms or now_ms


def _heard_ms(stream: StateStream) -> int:
    return stream.facts.heard_ms or 0


def _parent_in(session_id: SessionId) -> SessionId | None:
    parent, slash, _ = session_id.partition("/")
    return SessionId(parent) if slash else None


def _urgency(verdict: StateVerdict) -> tuple[bool, int]:
    return verdict.state is not State.WAITING_APPROVAL, verdict.since_ms or 0


def _is_forgotten(seat: SessionState, now_ms: int) -> bool:
    told = seat.told
    if told is None or seat.held.pid is not None:
        return False

    if told.state is State.UNKNOWN and told.tier is Tier.NONE:
        return seat.due_ms is None and seat.stream is None and not seat.held.hooked

    return (
        told.state in OVER
        and told.since_ms is not None
        and now_ms - told.since_ms >= FORGOTTEN_MS
    )
