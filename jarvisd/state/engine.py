"""The state engine: every session that is alive or recent, judged when it has to be.

Synchronous and clockless: what time it is comes with `judge`. Sessions of long ago
are not tracked, and cost nothing but the facts in their streams. A session is judged together with
all that it started and was started by, for they share a process and needs roll up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from itertools import islice
from typing import NamedTuple

from jarvisd.base.session_words import OVER, WAITS, Confidence, State
from jarvisd.config.alarm_settings import DEFAULT_ALARMS
from jarvisd.core.block import Block
from jarvisd.core.feature import Feature, SessionKey
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Record
from jarvisd.core.signal import Dialog, HookCalled, OutputClosed, Signal
from jarvisd.core.traits import TraitsOf, no_traits
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state.attention_reasons import Burn, attention_to, silence_due_ms
from jarvisd.state.endings import GIVEN_UP_MS
from jarvisd.state.facts import Phase, StateFacts, StateStream, note
from jarvisd.state.ladder import verdict_on
from jarvisd.state.latest_signals import LatestSignals
from jarvisd.state.model import Attention, StateView, Tier, Transition, needs_somebody
from jarvisd.state.open_dialogs import is_closed
from jarvisd.state.session_registry import MAX_DEPTH, Reminders, SessionRegistry
from jarvisd.state.session_state import SessionState
from jarvisd.state.situation import Situation, StateVerdict

FORGOTTEN_MS = 24 * 3_600_000
"""How long after its last sign a session that is over stays tracked."""

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

    Attributes:
        alarms: When a session is worth a look whatever its state is.

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
        self._registry = SessionRegistry(traits_of)
        self._reminders = Reminders(self._registry.get)
        self._streams: dict[StateStream, News] = {}
        self._newest: StateStream | None = (
            None  # which is in *_streams*, as *_news* says
        )
        self._news = News.HISTORY
        self.checks_processes = checks_processes
        self.alarms = DEFAULT_ALARMS
        self._touched: set[SessionKey] = set()
        self._left: list[SessionKey] = []
        self._attended: list[SessionKey] = []
        self._asking: dict[SessionKey, None] = {}
        self._asked: set[SessionKey] = set()
        self._counts = StateCounts(-1, Counter(), 0)
        self._changes = 0

    @property
    def version(self) -> int:
        """Return a number that grows whenever a session comes, goes or changes state."""
        return self._registry.version + self._changes

    # What comes in

    def recall(self, transitions: Iterable[Transition]) -> None:
        """Restore the last transition of each recent session, from the store.

        So a restart is no change of state. A session that waited in a dialog, as a hook
        reported, is tracked at once: it may have no transcript that is read.
        """
        for key in self._registry.recall(transitions):
            self._registry.take(key, _parent_in(key[1]))
            self._touched.add(key)

    def meet(self, stream: StateStream) -> None:
        """Restore the facts of a block that was read in an earlier run."""
        self._streams.setdefault(stream, News.RECALLED)

    def open_memory(
        self, block: Block, version: int, saved: Mapping[str, bytes]
    ) -> StateStream:
        """Return the memory of the ledger and the states for *block*, from *saved*."""
        ledger = LedgerStream.open(
            block.origin,
            saved.get("ledger", b""),
            version=version,
            generation=block.position.generation,
        )
        return StateStream(ledger, saved.get("states", b""))

    def apply(self, stream: StateStream, record: Record, *, live: bool) -> None:
        """Apply *record* to *stream*; *live* False means history, read late."""
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
            self.record_signal(
                OutputClosed(agent=agent, session_id=session_id, at_ms=now_ms)
            )

    def record_signal(self, signal: Signal) -> None:
        """Record a signal about one session."""
        key = (signal.agent, signal.session_id)
        if isinstance(signal, OutputClosed) and key not in self._registry:
            return  # plain output has no state

        session = self._registry.take(key, _parent_in(signal.session_id))
        session.signals.record(signal)
        if isinstance(signal, HookCalled):
            session.quiet_ms = 0  # it is alive now, however much history is to come

        self._touched.add(key)

    # What goes out

    def judge(self, now_ms: int) -> list[Transition]:
        """Judge all that was touched or is due, and return what that changes."""
        self._take_streams(now_ms)
        touched = (*self._left, *self._touched, *self._reminders.take(now_ms))
        roots = dict.fromkeys(map(self._registry.root, touched))
        self._touched = set()
        changes: list[Transition] = []
        for key in islice(roots, MAX_JUDGED):
            self._judge_family(key, now_ms, changes)

        # The rest at once, but not in this turn of the loop: after a start they are many.
        self._left = list(islice(roots, MAX_JUDGED, None))
        return changes

    def take_attended(self) -> list[SessionKey]:
        """Return the sessions whose attention has changed since the last call."""
        attended, self._attended = self._attended, []
        return attended

    @property
    def has_news(self) -> bool:
        """Whether a line or a signal came that is not judged yet."""
        return bool(self._streams or self._touched or self._left)

    @property
    def next_ms(self) -> int | None:
        """Return when to judge although nothing happens; 0 for at once."""
        return 0 if self._left else self._reminders.next_ms

    def view(self, agent: str, session_id: SessionId) -> StateView:
        """Return the state as it was judged last."""
        session = self._registry.get((agent, session_id))
        if session is not None:
            return session.view()

        return _LONG_SILENT if self._traits_of(agent).has_states else _NO_WORD

    def state_of(self, key: SessionKey) -> State:
        """Return the state alone, as it was judged last."""
        session = self._registry.get(key)
        if session is None or session.reported is None:
            return State.UNKNOWN

        return session.reported.state

    def is_needy(self, key: SessionKey) -> bool:
        """Return True if the session surely needs somebody."""
        session = self._registry.get(key)
        reported = None if session is None else session.reported
        return reported is not None and needs_somebody(
            reported.state, reported.confidence
        )

    def asking(self) -> list[SessionKey]:
        """Return the sessions with a dialog that a hook reported and that may be open."""
        return [key for key in self._asked if key in self._registry]

    def is_at_work(self, key: SessionKey) -> bool:
        """Return True if the session may be running commands."""
        return self.state_of(key) in {State.WORKING, State.COMPACTING}

    def counts(self) -> StateCounts:
        """Count the sessions that nobody started; the same until one changes."""
        if self._counts.version != self.version:
            states = Counter(map(self.state_of, self.roots()))
            need = sum(map(self.is_needy, self.roots()))
            self._counts = StateCounts(self.version, states, need)

        return self._counts

    def origin_of(self, key: SessionKey) -> tuple[SessionId | None, str | None]:
        """Return the starter of the session and its working folder, from signals."""
        session = self._registry.get(key)
        if session is None:
            return None, None

        parent_id = None if session.parent is None else session.parent[1]
        return parent_id, session.signals.cwd

    def dialogs(self) -> list[Dialog]:
        """Return the dialogs that hooks reported and whose process is known."""
        found = []
        for key in tuple(self._asking):
            session = self._registry.get(key)
            ask = None if session is None else session.signals.ask
            if session is None or ask is None:
                del self._asking[key]
                continue

            pid = ask.pid or session.signals.pid
            if pid is not None:
                found.append(Dialog(agent=key[0], session_id=key[1], pid=pid))

        return found

    def sessions(self) -> Iterator[SessionKey]:
        """Return those that are alive or recent."""
        return iter(self._registry)

    def roots(self) -> Iterator[SessionKey]:
        """Return those of them that no session started."""
        return self._registry.roots()

    # Tracked sessions

    def _take_streams(self, now_ms: int) -> None:
        streams, self._streams, self._newest = self._streams, {}, None
        for stream, news in streams.items():
            if news is not News.HISTORY:
                _date(stream, now_ms)

            ledger, active_ms = stream.ledger, stream.facts.active_ms
            key = (ledger.agent, ledger.session_id)
            recent = active_ms is not None and now_ms - active_ms < GIVEN_UP_MS
            if recent or key in self._registry:
                self._track(key, stream, news, now_ms=now_ms)

    def _track(
        self, key: SessionKey, stream: StateStream, news: News, *, now_ms: int
    ) -> None:
        session = self._registry.take(key, stream.ledger.parent_session_id)
        old = session.stream
        if old is None or _active_ms(stream) >= _active_ms(old):
            session.stream = stream

        if news is News.HISTORY:
            session.hold_back(now_ms)
            self._reminders.note(session)
        else:
            session.signals.is_live |= news is News.LIVE
            self._touched.add(key)

    # Judging

    def _judge_family(
        self, key: SessionKey, now_ms: int, changes: list[Transition], depth: int = 0
    ) -> None:
        session = self._registry.get(key)
        if session is None:
            return

        verdicts = self._judge_children(key, now_ms, changes, depth)
        if now_ms < session.quiet_ms:
            session.due_ms = session.quiet_ms
            self._reminders.note(session)
            return

        was_over = _is_over(session)
        before = session.reported
        self._judge_session(session, verdicts, now_ms)
        change = session.change(now_ms)
        if change is not None:
            changes.append(change)
        elif _is_other(before, session.reported):
            # No transition of now: what happened in history is shown all the same.
            self._attended.append(key)

        if _is_over(session) and not was_over:
            self._judge_children(key, now_ms, changes, depth)  # they end with it

        if _is_forgotten(session, now_ms):
            self._registry.leave(session)

    def _judge_children(
        self, key: SessionKey, now_ms: int, changes: list[Transition], depth: int
    ) -> list[StateVerdict]:
        """Judge the sessions that *key* has started; return their reported verdicts."""
        children = self._registry.children(key)
        if depth < MAX_DEPTH:
            for each in children:
                self._judge_family(each.key, now_ms, changes, depth + 1)

        return [
            each.reported
            for each in children
            if each.reported is not None and each.key in self._registry
        ]

    def _judge_session(
        self, session: SessionState, children: list[StateVerdict], now_ms: int
    ) -> None:
        situation = self._situation(session, children, now_ms)
        verdict, session.due_ms = verdict_on(situation), None
        if self.checks_processes and session.awaits_check(situation, verdict):
            session.call_back(session.check_by_ms)
            self._reminders.note(session)
            return

        before = session.reported
        answered = before is not None and is_closed(
            situation, before.since_ms or now_ms
        )
        reported = session.settle(verdict, now_ms, answered=answered)
        session.reported = reported
        if _is_other(before, reported):
            self._changes += 1

        if session.is_asking:
            self._asked.add(session.key)
        else:
            self._asked.discard(session.key)

        if reported.state in WAITS and reported.tier is Tier.HOOK:
            self._asking[session.key] = None
        else:
            self._asking.pop(session.key, None)

        attention = attention_to(situation, reported, self.alarms)
        attention += self._burn(session, now_ms)
        if attention != session.attention:
            session.attention = attention
            self._attended.append(session.key)

        session.call_back(verdict.recheck_ms)
        session.call_back(silence_due_ms(situation, reported, self.alarms))
        if reported.state in OVER and reported.since_ms is not None:
            session.call_back(reported.since_ms + FORGOTTEN_MS)

        if session.due_ms is not None and session.due_ms <= now_ms:
            session.due_ms = now_ms + LATER_MS  # it is not to be gone, for all we know

        self._reminders.note(session)

    def _situation(
        self, session: SessionState, children: list[StateVerdict], now_ms: int
    ) -> Situation:
        above = self._registry.get(self._registry.root(session.key))
        needs = [each for each in children if each.state in WAITS]
        working = [each for each in children if each.state is State.WORKING]
        stream = session.stream
        return Situation(
            now_ms=now_ms,
            facts=StateFacts() if stream is None else stream.facts,
            calls={} if stream is None else stream.ledger.memory.open_tools,
            signals=session.signals,
            above=_above(session, above),
            root_over=_verdict_if_over(session, above),
            needs=min(needs, key=_urgency, default=None),
            working=len(working),
        )

    def _burn(self, session: SessionState, now_ms: int) -> tuple[Attention, ...]:
        micros = None if self._cost is None else self._cost(*session.key)
        if micros is None:
            return ()

        if session.burn is None:
            session.burn = Burn(now_ms, micros)

        return session.burn.attention(micros, now_ms, self.alarms)


def _is_other(before: StateVerdict | None, reported: StateVerdict | None) -> bool:
    """Return True if a session is shown or counted in another way than *before*."""
    if before is None or reported is None:
        return before is not reported

    return _shown(before) != _shown(reported)


def _shown(reported: StateVerdict) -> tuple[State, bool]:
    """Return the parts of a verdict that counts of sessions depend on."""
    return reported.state, needs_somebody(reported.state, reported.confidence)


def _above(session: SessionState, root: SessionState | None) -> LatestSignals | None:
    """Return the signals of the session at the top; None if *session* is that."""
    if session.parent is None:
        return None

    return LatestSignals() if root is None or root is session else root.signals


def _is_over(session: SessionState) -> bool:
    return session.reported is not None and session.reported.state in OVER


def _verdict_if_over(
    session: SessionState, root: SessionState | None
) -> StateVerdict | None:
    """Return the verdict on the topmost session, if it is over and not *session*."""
    if root is None or root is session or not _is_over(root):
        return None

    return root.reported


def _date(stream: StateStream, now_ms: int) -> None:
    """Set the time of printed lines without one to the time of arrival."""
    facts = stream.facts
    if facts.active_ms is None and facts.phase is not Phase.NONE:
        facts.active_ms = now_ms
        facts.since_ms = facts.since_ms or now_ms


def _active_ms(stream: StateStream) -> int:
    return stream.facts.active_ms or 0


def _parent_in(session_id: SessionId) -> SessionId | None:
    parent, slash, _ = session_id.partition("/")
    return SessionId(parent) if slash else None


def _urgency(verdict: StateVerdict) -> tuple[bool, int]:
    return verdict.state is not State.WAITING_APPROVAL, verdict.since_ms or 0


def _is_forgotten(session: SessionState, now_ms: int) -> bool:
    reported = session.reported
    if reported is None or session.signals.pid is not None:
        return False

    if reported.state is State.UNKNOWN and reported.tier is Tier.NONE:
        return (
            session.due_ms is None
            and session.stream is None
            and not session.signals.hooked
        )

    return (
        reported.state in OVER
        and reported.since_ms is not None
        and now_ms - reported.since_ms >= FORGOTTEN_MS
    )
