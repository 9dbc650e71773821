"""Reasons to look at a session whatever its state is: loops, silence, cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from jarvisd.base.session_words import State
from jarvisd.state.model import Attention, Reason
from jarvisd.state.situation import Situation, StateVerdict

LOOP_CALLS = 5
"""Calls in a row with the same input."""

LOOP_CALLS_POLLING = 50

SILENCE_MS = 10 * 60_000
"""Silence in a turn that a person may want to know of."""

COST_MICROS = 20_000_000
"""What a session may burn within `COST_MS` unremarked: $20."""

COST_MS = 15 * 60_000

_AT_WORK = frozenset({State.WORKING, State.COMPACTING})


def attention_to(situation: Situation, verdict: StateVerdict) -> tuple[Attention, ...]:
    """Return the reasons to look at a session with *verdict*."""
    if verdict.state not in _AT_WORK:
        return ()

    return (*_loop(situation), *_silence(situation, verdict))


def silence_due_ms(situation: Situation, verdict: StateVerdict) -> int | None:
    """Return when the session's silence will be worth a word, if it goes on."""
    active_ms = situation.facts.active_ms
    if verdict.state not in _AT_WORK or active_ms is None:
        return None

    due_ms = active_ms + SILENCE_MS
    return due_ms if due_ms > situation.now_ms else None


def _loop(situation: Situation) -> Iterator[Attention]:
    facts = situation.facts
    polls = facts.call_tool.lower() in situation.traits.polling
    limit = LOOP_CALLS_POLLING if polls else LOOP_CALLS
    if facts.call_count >= limit and facts.call_ms is not None:
        yield Attention(
            reason=Reason.LOOP,
            message=f"{facts.call_tool} was called {facts.call_count} times alike",
            since_ms=facts.call_ms,
        )


def _silence(situation: Situation, verdict: StateVerdict) -> Iterator[Attention]:
    active_ms = situation.facts.active_ms
    if active_ms is not None and situation.now_ms - active_ms >= SILENCE_MS:
        where = f" in {verdict.tool}" if verdict.tool else ""
        yield Attention(
            reason=Reason.SILENCE,
            message=f"nothing is heard{where}",
            since_ms=active_ms,
        )


@dataclass(slots=True)
class Burn:
    """What a session cost when the current stretch of time began."""

    since_ms: int
    micros: int

    def attention(self, micros: int, now_ms: int) -> tuple[Attention, ...]:
        """Return that *micros*, the cost so far, is too much for the time."""
        burnt = micros - self.micros
        if burnt >= COST_MICROS:
            return (
                Attention(
                    reason=Reason.COST,
                    message=f"${burnt // 1_000_000} within {COST_MS // 60_000} min",
                    since_ms=self.since_ms,
                ),
            )

        if now_ms - self.since_ms >= COST_MS:
            self.since_ms, self.micros = now_ms, micros

        return ()
