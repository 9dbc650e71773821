"""RecordedMessage runs of the real clients: the states reported beside what the screen showed.

Each dialog on the screen must be reported within 0.3 s of recorded time, from its begin to
its end, and no other may be. `HIDDEN` names the phases that no record of a client shows.
"""

from typing import NamedTuple

import pytest

from jarvisd.base.session_words import WAITS, Confidence, State
from jarvisd.core.event import Trouble
from tests.conformance.client_run import ClientRun, client_run, foreground
from tests.conformance.screens import DIALOGS, RIGHT, ScreenPhase, screen_phases
from tests.conformance.shared import needs_shared

pytestmark = [pytest.mark.conformance, needs_shared("recordings")]

LIMIT_S = 0.3
EARLY_S = 1.0
"""The screen is drawn after a client has decided, and looked at every 0.1 s."""

LONG_S = 0.7
"""A shorter phase may be over before it has been drawn."""

Span = tuple[float, float, State]
Hidden = dict[tuple[str, str], dict[str, str]]

_UNRECORDED = "only hooks tell of approvals: it is reported as work, with a hint"
_UNRECORDED_END = "no record or hook tells that a command was approved until it is done"

HIDDEN: Hidden = {
    ("claude", "states"): {
        "COMPACTING 1": "only hooks tell of a compaction: it is reported as work",
    },
    ("claude", "states-hooks"): {},
    ("claude", "deaths"): {},
    ("claude", "plan"): {},
    ("codex", "deaths"): {"APPROVAL 1": _UNRECORDED},
    ("codex", "panes"): {"APPROVAL 1": _UNRECORDED},
    ("codex", "states"): {
        "APPROVAL 1": _UNRECORDED,
        "APPROVAL 2": _UNRECORDED,
        "COMPACTING 1": "only hooks tell of a compaction: it is reported as work",
    },
    ("codex", "states-hooks"): {
        "WORKING 2": _UNRECORDED_END,
        "WORKING 3": _UNRECORDED_END,
    },
}
"""By run, the phases of the screen that are not in the states, with the reason."""

UNENDED = {("codex", "states-hooks"): {"APPROVAL 1", "APPROVAL 2"}}
"""Dialogs of which the recording has the begin only: the phases behind them are hidden."""


class Replayed(NamedTuple):
    """One replayed run, and its screen; times are seconds."""

    run: ClientRun
    spans: list[Span]
    phases: list[ScreenPhase]
    hidden: dict[str, str]
    unended: set[str]

    def named(self, names: set[str]) -> list[tuple[str, ScreenPhase]]:
        """Return the phases of these names that states can show, numbered."""
        counts: dict[str, int] = {}
        found = []
        for each in self.phases:
            counts[each.name] = counts.get(each.name, 0) + 1
            label = f"{each.name} {counts[each.name]}"
            if each.name in names and label not in self.hidden:
                found.append((label, each))

        return found


@pytest.fixture(params=sorted(HIDDEN), ids="-".join, scope="module")
def replayed(request: pytest.FixtureRequest) -> Replayed:
    """Return a run, replayed."""
    agent, scenario = request.param
    folder = client_run(agent, scenario)
    run = ClientRun(agent, folder).replay()
    told = foreground(run.told)
    ends = [at_ms for at_ms, _ in told[1:]] + [1 << 62]
    spans = [
        (at_ms / 1000, end_ms / 1000, state)
        for (at_ms, state), end_ms in zip(told, ends, strict=True)
    ]
    return Replayed(
        run,
        spans,
        screen_phases(folder, agent),
        HIDDEN[request.param],
        UNENDED.get(request.param, set()),
    )


def test_each_dialog_on_the_screen_is_reported_while_it_is_open(
    replayed: Replayed,
) -> None:
    late = {}
    for label, phase in replayed.named(DIALOGS):
        right = [each for each in replayed.spans if each[2] in RIGHT[phase.name]]
        during = [each for each in right if _overlaps(each, phase)]
        begun = [each[0] - phase.begin_s for each in during]
        ended = [each[1] - phase.end_s for each in during]
        is_ended = label in replayed.unended or (
            len(ended) == 1 and -LIMIT_S <= ended[0] <= LIMIT_S
        )
        if len(during) != 1 or not -EARLY_S <= begun[0] <= LIMIT_S or not is_ended:
            late[label] = (begun, ended)

    assert late == {}


def test_no_dialog_is_reported_that_is_not_on_the_screen(replayed: Replayed) -> None:
    dialogs = [each for _, each in replayed.named(DIALOGS)]
    sure = [
        each
        for each in replayed.run.transitions
        if each.state in WAITS
        and each.confidence is not Confidence.LOW
        and not each.evidence.startswith(Trouble.API_ERROR)  # no dialog, but a need
    ]
    wrong = [
        each
        for each in sure
        if not any(
            phase.begin_s - EARLY_S <= each.at_ms / 1000 <= phase.end_s
            for phase in dialogs
        )
    ]
    assert wrong == []


def test_every_longer_phase_of_the_screen_is_reported(replayed: Replayed) -> None:
    wrong = {}
    for label, phase in replayed.named(set(RIGHT)):
        if phase.end_s - phase.begin_s >= LONG_S:
            middle = (phase.begin_s + phase.end_s) / 2
            states = [each[2] for each in replayed.spans if each[0] <= middle < each[1]]
            if not RIGHT[phase.name].intersection(states):
                wrong[label] = states

    assert wrong == {}


def test_what_follows_a_state_began_after_it(replayed: Replayed) -> None:
    """Work behind a dialog began when the dialog ended, not with its turn."""
    began: dict[str, int] = {}
    for each in replayed.run.transitions:
        if each.before is not None:
            assert each.at_ms >= began[each.session_id], each
            if each.before in WAITS:
                assert each.at_ms > began[each.session_id], each

        began[each.session_id] = each.at_ms


def _overlaps(span: Span, phase: ScreenPhase) -> bool:
    return span[1] > phase.begin_s and span[0] < phase.end_s
