"""Whose turn it is in a session: the agent's or the person's, by the newest witness."""

import msgspec

from jarvisd.core.signal import RegistryRead
from jarvisd.core.traits import Moment, RegistryWords
from jarvisd.state.facts import Phase, StateFacts
from jarvisd.state.latest_signals import LatestSignals
from jarvisd.state.model import Tier


class Turn(msgspec.Struct, frozen=True, gc=False):
    """Whose turn it is, by the best witness; *at_ms* is when that was last seen."""

    phase: Phase
    since_ms: int | None
    at_ms: int | None
    word: str
    tier: Tier
    settled: bool = True
    shell: bool = False


def newest_turn(
    facts: StateFacts,
    signals: LatestSignals,
    *,
    renewed_ms: int | None,
    is_headless: bool,
) -> Turn:
    """Return the turn that records, hooks and the registry show.

    *renewed_ms* is when a new process took over, since when no line was written.
    """
    turn = _by_hook(_by_records(facts, renewed_ms), signals, is_headless=is_headless)
    return _by_registry(turn, signals, is_headless=is_headless)


def phase_in(registry: RegistryRead, words: RegistryWords) -> Phase | None:
    """Return the side whose turn it is by the agent's registry; None if unknown."""
    if registry.status in words.working:
        return Phase.WORKING

    return Phase.DONE if registry.status in words.resting else None


def _by_records(facts: StateFacts, renewed_ms: int | None) -> Turn:
    if renewed_ms is not None and facts.phase is Phase.WORKING:
        return Turn(
            phase=Phase.DONE,
            since_ms=renewed_ms,
            at_ms=renewed_ms,
            word="a new process",
            tier=Tier.PROCESS,
        )

    return Turn(
        phase=facts.phase,
        since_ms=facts.since_ms,
        at_ms=facts.active_ms,
        word=facts.word,
        tier=Tier.TRANSCRIPT,
        settled=facts.settled,
    )


def _by_hook(turn: Turn, signals: LatestSignals, *, is_headless: bool) -> Turn:
    hook, phase = signals.turn, signals.phase
    if hook is None or hook.at_ms <= (turn.at_ms or 0):
        return turn

    if is_headless and signals.moment_of(hook) is Moment.SESSION_STARTED:
        phase = Phase.WORKING

    notice = hook.detail if signals.is_idle_notice(hook) else None

    return Turn(
        phase=phase,
        since_ms=turn.since_ms if phase is turn.phase else hook.at_ms,
        at_ms=hook.at_ms,
        word=" ".join(filter(None, (hook.event, hook.tool or notice))),
        tier=Tier.HOOK,
    )


def _by_registry(turn: Turn, signals: LatestSignals, *, is_headless: bool) -> Turn:
    """Return the turn that the registry shows, unless something newer contradicts it.

    A busy registry beats an end that was only concluded from a message: hooks of the
    user may send the agent on.
    """
    registry, words = signals.registry, signals.traits.registry
    phase = None if registry is None else phase_in(registry, words)
    if registry is None or phase is None:
        return turn

    if phase is Phase.DONE and is_headless:
        return turn  # so it says before its first turn, too

    process = signals.process
    if process is not None and registry.at_ms < (process.took_up_ms or 0):
        return turn  # it is of the session that the process worked on before

    concluded = turn.phase is Phase.DONE and not turn.settled
    overruled = concluded and phase is Phase.WORKING
    is_newer = (turn.at_ms or 0) > registry.at_ms
    if is_newer and turn.phase is not phase and not overruled:
        return turn

    return Turn(
        phase=phase,
        since_ms=turn.since_ms if turn.phase is phase else registry.at_ms,
        at_ms=max(registry.at_ms, turn.at_ms or 0),
        word=f"registry {registry.status}",
        tier=Tier.REGISTRY,
        shell=registry.status == words.background,
    )
