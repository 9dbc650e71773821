"""Whether a dialog that was seen open may still be, by what was seen since."""

import math

from jarvisd.core.signal import HookCalled
from jarvisd.state.facts import Phase
from jarvisd.state.situation import Situation
from jarvisd.state.whose_turn import phase_in

APPROVAL_CEILING_MS = 12 * 3_600_000
"""Nobody leaves a dialog open for longer: its end was missed."""

GRANTED_MS = 1_000
"""How long after the end of a command its hook is waited for."""


def may_stand(situation: Situation, at_ms: int) -> bool:
    """Whether a dialog that was open at *at_ms* may still be, by the records."""
    facts = situation.facts
    if situation.now_ms - at_ms >= APPROVAL_CEILING_MS:
        return False

    ended = facts.phase is Phase.DONE and facts.settled
    began = facts.turn_ms if facts.phase is Phase.WORKING else None
    boundary = facts.since_ms if ended else began
    return boundary is None or boundary <= at_ms


def is_closed(situation: Situation, asked_ms: int) -> bool:
    """Return True if the dialog of *asked_ms* is seen to be closed.

    The registry says so, which is that of the process (a subagent's dialogs are its
    parent's), or what was asked for runs.
    """
    registry = situation.process.registry
    granted = granted_until_ms(situation, asked_ms) > situation.now_ms
    return (
        granted
        or _runs(situation, asked_ms)
        or (
            registry is not None
            and phase_in(registry, situation.traits.registry) is not None
            and registry.at_ms > asked_ms
        )
    )


def _runs(situation: Situation, asked_ms: int) -> bool:
    """Return True if a process was seen of the call that leave was asked for."""
    signals = situation.signals
    if not signals.ran_ms:
        return False

    call = signals.asked_call
    if call is None:
        calls = situation.at_work()
        call = next(iter(calls)) if len(calls) == 1 else None

    return call is not None and signals.ran_ms.get(call, 0) > asked_ms


def granted_until_ms(situation: Situation, asked_ms: int) -> float:
    """Return until when a command shows that it was approved; 0 if none does.

    A hook follows the end of a command. Where none does, what ran was something
    else, such as another hook of the user.
    """
    command = situation.signals.command
    if command is None or command.since_ms <= asked_ms:
        return 0

    return math.inf if command.ended_ms is None else command.ended_ms + GRANTED_MS


def is_unanswered(situation: Situation, ask: HookCalled) -> bool:
    """Return True if neither the registry nor a record shows an answer to *ask*."""
    if is_closed(situation, ask.at_ms) or not may_stand(situation, ask.at_ms):
        return False

    active_ms = situation.facts.active_ms
    if active_ms is None or active_ms <= ask.at_ms:
        return True

    if ask.call_id is not None:
        return ask.call_id in situation.calls

    return any(
        ask.tool in {None, each.tool} and (each.at_ms or 0) <= ask.at_ms
        for each in situation.calls.values()
    )
