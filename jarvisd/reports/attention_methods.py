"""The answer of `report.attention`: from the store's transitions and awake times.

A hundred thousand transitions are read and added up on a thread; the loop only looks
up their sessions.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import anyio.to_thread

from jarvisd.base.clock import Clock
from jarvisd.base.folder import is_named
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import WAITS, Confidence, State
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.reports import attention, calendar
from jarvisd.reports.attention import AttentionTotals
from jarvisd.reports.attention_model import AttentionSession
from jarvisd.reports.attention_store import Seen, seen
from jarvisd.reports.attention_wire import (
    MAX_SESSIONS_LISTED,
    ReportAttention,
    ReportAttentionResult,
)
from jarvisd.reports.awake import Awake
from jarvisd.reports.families import SessionFacts
from jarvisd.reports.report_params import days_of, zone_of
from jarvisd.state.engine import StateEngine
from jarvisd.state.journal import Journal

FactsOf = Callable[[str, SessionId], SessionFacts]


class _Session(NamedTuple):
    agent: str
    session_id: SessionId
    facts: SessionFacts


class AttentionReport:
    """Answers `report.attention`."""

    def __init__(
        self,
        *,
        states: StateEngine,
        journal: Journal,
        awake: Awake,
        store: ReadableStore,
        clock: Clock,
        facts: FactsOf,
        revision: Callable[[], int],
    ) -> None:
        self._states = states
        self._journal = journal
        self._awake = awake
        self._store = store
        self._clock = clock
        self._facts = facts
        self._revision = revision

    async def answer(self, asked: ReportAttention) -> ReportAttentionResult:
        """Return where attention went.

        Raises:
            ProtocolError: There is no such time zone or date.

        """
        now_ms = self._clock.unix_ms()
        span = _span(asked, now_ms)
        query = partial(seen, since_ms=span.since_ms)
        found = _with_waiting(await self._store.read(query), self._journal, span)
        sessions = self._chosen(found, asked)
        made = await anyio.to_thread.run_sync(
            partial(
                attention.attention,
                [row for row in found.rows if row[0] in sessions],
                found.states,
                awake=[*found.awake, self._awake.span],
                lasting=self._lasting(sessions),
                asked=span,
            )
        )
        return self._result(asked, made, sessions, now_ms)

    def _chosen(self, found: Seen, asked: ReportAttention) -> dict[int, _Session]:
        """Return the sessions that count: those asked for, without subagents."""
        every = (
            (key, _Session(agent, session_id, self._facts(agent, session_id)))
            for key, (agent, session_id) in found.sessions.items()
            if asked.agent in {None, agent}
        )
        return {
            key: session
            for key, session in every
            if session.facts.root == session.session_id
            and (
                asked.project is None or is_named(session.facts.project, asked.project)
            )
        }

    def _lasting(self, sessions: dict[int, _Session]) -> set[tuple[int, State]]:
        """Return sessions that are alive or were recently, each with its state."""
        states = self._states
        alive = set(states.sessions())
        views = (
            (key, states.view(each.agent, each.session_id))
            for key, each in sessions.items()
            if (each.agent, each.session_id) in alive
        )
        return {(key, _counted(view.state, view.confidence)) for key, view in views}

    def _result(
        self,
        asked: ReportAttention,
        made: AttentionTotals,
        sessions: dict[int, _Session],
        now_ms: int,
    ) -> ReportAttentionResult:
        return ReportAttentionResult(
            revision=self._revision(),
            now_ms=now_ms,
            tz=asked.tz,
            usage=made.usage,
            approvals=made.approvals,
            answers=made.answers,
            states=_by_name(made.states),
            days=made.days,
            hours=made.hours,
            sessions=list(_longest_first(made, sessions))[:MAX_SESSIONS_LISTED],
        )


def _span(asked: ReportAttention, now_ms: int) -> attention.AttentionSpan:
    first, last = days_of(asked)
    zone = zone_of(asked.tz)
    since_ms = 0 if first is None else calendar.start_of(first, zone)
    until_ms = now_ms if last is None else calendar.start_of(last + 1, zone)
    return attention.AttentionSpan(since_ms, min(until_ms, now_ms), zone)


def _with_waiting(found: Seen, journal: Journal, span: attention.AttentionSpan) -> Seen:
    """Return *found* with what is not stored yet."""
    keys = {session: key for key, session in found.sessions.items()}
    numbers = {state: number for number, state in found.states.items()}
    rows, sessions, states = list(found.rows), dict(found.sessions), dict(found.states)
    for each in journal.waiting():
        if each.number >= span.since_ms:
            key = keys.setdefault((each.agent, each.session_id), -len(keys) - 1)
            state = _counted(each.state, each.confidence)
            number = numbers.setdefault(state, max(numbers.values(), default=0) + 1)
            sessions[key], states[number] = (each.agent, each.session_id), state
            rows.append((key, each.at_ms, each.number, number))

    return Seen(rows, sessions, states, found.awake)


def _counted(state: State, confidence: Confidence) -> State:
    """Return the state that *state* counts as, like the store: a guessed wait is unknown."""
    is_guess = state in WAITS and confidence is Confidence.LOW
    return State.UNKNOWN if is_guess else state


def _longest_first(
    made: AttentionTotals, sessions: dict[int, _Session]
) -> Iterator[AttentionSession]:
    ranked = sorted(
        made.sessions.items(), key=lambda pair: (-pair[1].waiting_ms, pair[0])
    )
    for key, each in ranked:
        session = sessions[key]
        yield AttentionSession(
            agent=session.agent,
            session_id=session.session_id,
            project=session.facts.project,
            title=session.facts.title,
            waiting_ms=each.waiting_ms,
            approvals=attention.latency(each.approvals),
            states=_by_name(each.states),
        )


def _by_name(states: dict[State, int]) -> dict[str, int]:
    return {state.value: states[state] for state in State if state in states}
