"""Rungs of the ladder: sessions that are over."""

from msgspec.structs import replace

from jarvisd.base.session_words import OVER, Confidence, State
from jarvisd.core.signal import ProcessGone
from jarvisd.state.facts import Phase
from jarvisd.state.model import Tier, Transition
from jarvisd.state.situation import Situation, StateVerdict

GIVEN_UP_MS = 12 * 3_600_000
"""Silence after which a session without a known process counts as over."""


def over(situation: Situation) -> StateVerdict | None:
    """Return that it has ended: its process exited, or the end was reported."""
    gone = situation.process.gone or situation.signals.gone
    if (
        gone is not None
        and not situation.has_resumed(gone.at_ms)
        and not situation.is_alive
    ):
        return _gone(situation, gone)

    bye = situation.process.over
    if bye is not None and not situation.has_resumed(bye.at_ms):
        return StateVerdict(
            state=State.ENDED,
            since_ms=bye.at_ms,
            evidence=" ".join(filter(None, (bye.event, bye.detail))),
            evidence_ms=bye.at_ms,
            tier=Tier.HOOK,
        )

    written_ms = situation.facts.closed_ms
    if written_ms is not None:
        return StateVerdict(
            state=State.ENDED,
            since_ms=written_ms,
            evidence="the agent wrote that it ended",
            evidence_ms=written_ms,
            tier=Tier.TRANSCRIPT,
        )

    closed_ms = situation.signals.closed_ms
    if (
        closed_ms is not None
        and not situation.has_resumed(closed_ms)
        and not situation.is_alive
    ):
        return StateVerdict(
            state=State.ENDED,
            since_ms=closed_ms,
            evidence="its output was closed",
            evidence_ms=closed_ms,
            tier=Tier.PROCESS,
        )

    recalled = situation.signals.recalled
    if recalled is not None and not situation.has_resumed(recalled.at_ms):
        return _recalled(recalled)

    return None


def _recalled(transition: Transition) -> StateVerdict:
    return StateVerdict(
        state=transition.state,
        since_ms=transition.at_ms,
        evidence=transition.evidence,
        evidence_ms=transition.at_ms,
        tier=transition.tier,
        confidence=transition.confidence,
    )


def _gone(situation: Situation, gone: ProcessGone) -> StateVerdict:
    in_order = gone.tidy or situation.facts.closing
    at_work = situation.turn().phase is Phase.WORKING or bool(situation.questions())
    interrupted = at_work and not in_order
    how = "is gone in the midst of work" if interrupted else "is gone or done with it"
    return StateVerdict(
        state=State.CRASHED if interrupted else State.ENDED,
        since_ms=gone.at_ms,
        evidence=f"process {gone.pid} {how}",
        evidence_ms=gone.at_ms,
        tier=Tier.PROCESS,
        confidence=Confidence.MEDIUM
        if interrupted and gone.tidy is None
        else Confidence.HIGH,
    )


def given_up(situation: Situation) -> StateVerdict | None:
    """Return that it has ended if it was silent for half a day, without a process."""
    last_ms = situation.last_ms
    if situation.is_alive or not last_ms or situation.now_ms - last_ms < GIVEN_UP_MS:
        return None

    return StateVerdict(
        state=State.ENDED,
        since_ms=last_ms,
        evidence="silent for long, and no process is known",
        evidence_ms=last_ms,
        tier=Tier.NONE,
        confidence=Confidence.LOW,
        hint=situation.hint,
    )


def unless_abandoned(situation: Situation, verdict: StateVerdict) -> StateVerdict:
    """Return *verdict*, or that the session is over as nobody is there to go on.

    A session at rest stays at rest: it needs nobody either way.
    """
    if verdict.state in AT_REST or verdict.of_child:
        return verdict

    abandoned_ms = situation.abandoned_ms
    if abandoned_ms is None:
        return verdict

    if situation.now_ms < abandoned_ms:
        again_ms = min(abandoned_ms, verdict.recheck_ms or abandoned_ms)
        return replace(verdict, recheck_ms=again_ms)

    return StateVerdict(
        state=State.ENDED,
        since_ms=situation.last_ms,
        evidence="no process can be at work on it",
        evidence_ms=situation.now_ms,
        tier=Tier.PROCESS,
        confidence=Confidence.MEDIUM,
    )


AT_REST = OVER | {State.IDLE, State.UNKNOWN}
"""States that need nobody, whether somebody is there or not, and that a process left."""
