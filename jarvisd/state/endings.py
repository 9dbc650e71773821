"""Rungs of the ladder: sessions that are over."""

from msgspec.structs import replace

from jarvisd.base.session_words import OVER, Confidence, State
from jarvisd.core.signal import ProcessGone
from jarvisd.state.facts import Phase
from jarvisd.state.model import Tier, Transition
from jarvisd.state.situation import Situation, StateVerdict

GIVEN_UP_MS = 12 * 3_600_000
"""Silence after which a session without a known process counts as over."""


def over(case: Situation) -> StateVerdict | None:
    """Return that it has ended: its process exited, or the end was reported."""
    gone = case.process.gone or case.held.gone
    if gone is not None and not case.has_resumed(gone.at_ms) and not case.is_alive:
        return _gone(case, gone)

    bye = case.process.over
    if bye is not None and not case.has_resumed(bye.at_ms):
        return StateVerdict(
            state=State.ENDED,
            since_ms=bye.at_ms,
            evidence=" ".join(filter(None, (bye.event, bye.detail))),
            evidence_ms=bye.at_ms,
            tier=Tier.HOOK,
        )

    closed_ms = case.held.closed_ms
    if closed_ms is not None and not case.has_resumed(closed_ms) and not case.is_alive:
        return StateVerdict(
            state=State.ENDED,
            since_ms=closed_ms,
            evidence="its output was closed",
            evidence_ms=closed_ms,
            tier=Tier.PROCESS,
        )

    recalled = case.held.recalled
    if recalled is not None and not case.has_resumed(recalled.at_ms):
        return _recalled(recalled)

    return None


def _recalled(told: Transition) -> StateVerdict:
    return StateVerdict(
        state=told.state,
        since_ms=told.at_ms,
        evidence=told.evidence,
        evidence_ms=told.at_ms,
        tier=told.tier,
        confidence=told.confidence,
    )


def _gone(case: Situation, gone: ProcessGone) -> StateVerdict:
    in_order = gone.tidy or case.facts.closing
    at_work = case.turn().phase is Phase.WORKING or bool(case.questions())
    midst = at_work and not in_order
    how = "is gone in the midst of work" if midst else "is gone or done with it"
    return StateVerdict(
        state=State.CRASHED if midst else State.ENDED,
        since_ms=gone.at_ms,
        evidence=f"process {gone.pid} {how}",
        evidence_ms=gone.at_ms,
        tier=Tier.PROCESS,
        confidence=Confidence.MEDIUM
        if midst and gone.tidy is None
        else Confidence.HIGH,
    )


def given_up(case: Situation) -> StateVerdict | None:
    """Return that it has ended if it was silent for half a day, without a process."""
    heard_ms = case.last_ms
    if case.is_alive or not heard_ms or case.now_ms - heard_ms < GIVEN_UP_MS:
        return None

    return StateVerdict(
        state=State.ENDED,
        since_ms=heard_ms,
        evidence="silent for long, and no process is known",
        evidence_ms=heard_ms,
        tier=Tier.NONE,
        confidence=Confidence.LOW,
        hint=case.hint,
    )


def unless_abandoned(case: Situation, verdict: StateVerdict) -> StateVerdict:
    """Return *verdict*, or that the session is over as nobody is there to go on.

    A session at rest stays at rest: it needs nobody either way.
    """
    if verdict.state in AT_REST or verdict.of_child:
        return verdict

    abandoned_ms = case.abandoned_ms
    if abandoned_ms is None:
        return verdict

    if case.now_ms < abandoned_ms:
        again_ms = min(abandoned_ms, verdict.recheck_ms or abandoned_ms)
        return replace(verdict, recheck_ms=again_ms)

    return StateVerdict(
        state=State.ENDED,
        since_ms=case.last_ms,
        evidence="no process can be at work on it",
        evidence_ms=case.now_ms,
        tier=Tier.PROCESS,
        confidence=Confidence.MEDIUM,
    )


AT_REST = OVER | {State.IDLE, State.UNKNOWN}
"""States that need nobody, whether somebody is there or not, and that a process left."""
