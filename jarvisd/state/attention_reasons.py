"""Reasons to look at a session whatever its state is: loops, silence, cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from jarvisd.base.session_words import State
from jarvisd.config.alarm_settings import AlarmSettings
from jarvisd.state.model import Attention, Reason
from jarvisd.state.situation import Situation, StateVerdict

_AT_WORK = frozenset({State.WORKING, State.COMPACTING})


def attention_to(
    situation: Situation, verdict: StateVerdict, alarms: AlarmSettings
) -> tuple[Attention, ...]:
    """Return the reasons to look at a session with *verdict*."""
    if verdict.state not in _AT_WORK:
        return ()

    return (*_loop(situation, alarms), *_silence(situation, verdict, alarms))


def silence_due_ms(
    situation: Situation, verdict: StateVerdict, alarms: AlarmSettings
) -> int | None:
    """Return when the silence of the session becomes a reason, if it goes on."""
    active_ms = situation.facts.active_ms
    if not alarms.silence_s or verdict.state not in _AT_WORK or active_ms is None:
        return None

    due_ms = active_ms + _silence_ms(alarms)
    return due_ms if due_ms > situation.now_ms else None


def _loop(situation: Situation, alarms: AlarmSettings) -> Iterator[Attention]:
    facts = situation.facts
    polls = facts.call_tool.lower() in situation.traits.polling
    limit = alarms.polling_calls if polls else alarms.loop_calls
    if limit and facts.call_count >= limit and facts.call_ms is not None:
        yield Attention(
            reason=Reason.LOOP,
            message=f"{facts.call_tool} was called {facts.call_count} times alike",
            since_ms=facts.call_ms,
        )

    limit, calls = alarms.alternating_calls, facts.alternated + 2
    if limit and facts.alternated and calls >= limit and facts.alternating_ms:
        tools = dict.fromkeys((facts.former_tool, facts.call_tool))
        yield Attention(
            reason=Reason.LOOP,
            message=f"{calls} calls of {' and '.join(tools)} alternated",
            since_ms=facts.alternating_ms,
        )


def _silence(
    situation: Situation, verdict: StateVerdict, alarms: AlarmSettings
) -> Iterator[Attention]:
    active_ms = situation.facts.active_ms
    if not alarms.silence_s or active_ms is None:
        return

    if situation.now_ms - active_ms >= _silence_ms(alarms):
        where = f" in {verdict.tool}" if verdict.tool else ""
        yield Attention(
            reason=Reason.SILENCE,
            message=f"nothing is heard{where}",
            since_ms=active_ms,
        )


def _silence_ms(alarms: AlarmSettings) -> int:
    return round(alarms.silence_s * 1000)


@dataclass(slots=True)
class Burn:
    """What a session cost when the current stretch of time began."""

    since_ms: int
    micros: int

    def attention(
        self, micros: int, now_ms: int, alarms: AlarmSettings
    ) -> tuple[Attention, ...]:
        """Return that *micros*, the cost so far, is too much for the time."""
        burnt, minutes = micros - self.micros, alarms.cost_minutes
        if alarms.cost and burnt >= alarms.cost * 1_000_000:
            return (
                Attention(
                    reason=Reason.COST,
                    message=f"${burnt / 1_000_000:.2f} within {minutes} min",
                    since_ms=self.since_ms,
                ),
            )

        if now_ms - self.since_ms >= minutes * 60_000:
            self.since_ms, self.micros = now_ms, micros

        return ()
