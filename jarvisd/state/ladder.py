"""The ladder: what a session is doing, the first rule that holds.

A pure function of a `Situation`. Each rung is a function that gives a verdict or None, in
the order in which they are asked; docs/states.md has them as a table. The rules rest on
formats and runs of Claude Code 2.0 to 2.1.329 and Codex 0.118 to 0.169.
"""

from collections.abc import Callable

from jarvisd.state.dialogs import (
    compacting,
    hook_wait,
    question,
    recorded_wait,
    registry_wait,
    stalled_edit,
    subagent_wait,
)
from jarvisd.state.endings import given_up, over, unless_abandoned
from jarvisd.state.situation import Situation, StateVerdict
from jarvisd.state.turns import (
    done,
    failed,
    fresh,
    limited,
    verdict_of_nothing,
    working,
)


def verdict_on(situation: Situation) -> StateVerdict:
    """Return the verdict on the session of *situation*."""
    for rung in LADDER:
        verdict = rung(situation)
        if verdict is not None:
            return unless_abandoned(situation, verdict)

    return verdict_of_nothing(situation)


LADDER: tuple[Callable[[Situation], StateVerdict | None], ...] = (
    over,
    given_up,
    registry_wait,
    hook_wait,
    recorded_wait,
    subagent_wait,
    compacting,
    question,
    stalled_edit,
    limited,
    failed,
    done,
    working,
    fresh,
)
