"""Sessions whose agent writes that they are over."""

import pytest

from jarvisd.base.session_words import State
from jarvisd.core.event import (
    Event,
    MessageWritten,
    PromptGiven,
    SessionClosed,
    SessionOpened,
    ToolReturned,
)
from jarvisd.core.record import Record
from jarvisd.state.model import Tier
from tests.state.rig import Desk, ms


def desk_after(*records: tuple[Event, ...]) -> Desk:
    desk = Desk()
    for second, events in enumerate(records, start=1):
        stream, record = desk.stream(), Record(kind="", at_ms=ms(second), events=events)
        desk.ledger.apply(stream, record)
        desk.states.apply(stream, record, live=True)
        desk.ledger.applied()

    return desk


TURN = (PromptGiven(chars=2), MessageWritten(stop_reason="end_turn"))


def test_a_session_that_was_closed_has_ended() -> None:
    view = desk_after(TURN, (SessionClosed(),)).at(9)

    assert (view.state, view.since_ms) == (State.ENDED, ms(2))
    assert view.tier is Tier.TRANSCRIPT


@pytest.mark.parametrize(
    ("later", "state"),
    [
        pytest.param(ToolReturned(call_id="c1"), State.ENDED, id="a straggler"),
        pytest.param(SessionOpened(), State.IDLE, id="opened again"),
        pytest.param(PromptGiven(chars=1), State.WORKING, id="a prompt"),
    ],
)
def test_only_who_opens_it_again_revives_it(later: Event, state: State) -> None:
    assert desk_after(TURN, (SessionClosed(),), (later,)).at(9).state is state


def test_an_end_is_remembered_over_a_restart() -> None:
    desk = desk_after(TURN, (SessionClosed(),))

    desk.restart()

    assert desk.at(9).state is State.ENDED
