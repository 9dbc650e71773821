"""Sessions of all agents in the order of time: every phase that a recording can show.

The phases were written for another program. Those that the recorded data cannot tell,
or that we call otherwise, are named with the reason in `expectations`.
"""

from pathlib import Path
from typing import Any

import pytest

from jarvisd.base.session_words import State
from tests.conformance.expectations import expected_of
from tests.conformance.phases import Search, phases_of
from tests.conformance.replay import FOLDERS, Player, agent_of, name_of, recordings
from tests.conformance.shared import needs_shared

pytestmark = [pytest.mark.conformance, needs_shared("replay")]


def all_recordings() -> list[Any]:
    return [pytest.param(path, id="-".join(name_of(path))) for path in recordings()]


@pytest.mark.parametrize("folder", all_recordings())
def test_a_recording_goes_through_its_phases(folder: Path) -> None:
    if not (folder.parents[1] / "expected.jsonl").exists():
        pytest.skip("nobody wrote down the phases of this one")

    without = expected_of(agent_of(folder)).phases.get(name_of(folder), {})
    seen = Player(folder).play()

    assert Search(seen).missing(phases_of(folder.parents[1]), without) == {}


@pytest.mark.parametrize("agent", FOLDERS.values())
def test_no_recording_with_exceptions_goes_through_all_phases(agent: str) -> None:
    folders = {name_of(each): each for each in recordings(agent)}

    for name in expected_of(agent).phases:
        phases, seen = phases_of(folders[name].parents[1]), Player(folders[name]).play()
        assert Search(seen).missing(phases), name


@pytest.mark.parametrize("folder", all_recordings())
def test_nobody_is_said_to_be_asked_who_is_not(folder: Path) -> None:
    seen = Player(folder).play()

    asked = [each for each in seen if each.state is State.WAITING_APPROVAL]
    assert bool(asked) is (name_of(folder) in expected_of(agent_of(folder)).approvals)


@pytest.mark.parametrize("folder", all_recordings())
def test_transitions_tell_all_that_views_show(folder: Path) -> None:
    player = Player(folder)
    player.play()

    for key in list(player.states.sessions()):
        told = [each for each in player.transitions if each.session_id == key[1]]
        assert [each.before for each in told] == [
            None,
            *(each.state for each in told),
        ][: len(told)]
        if told:
            assert told[-1].state is player.states.view(*key).state
