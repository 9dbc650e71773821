"""A few of the two hundred kills of `make kills`."""

from tests.e2e.home import Home
from tests.hostile import balance
from tests.hostile.kills import endure


async def test_kills_lose_and_double_no_message_no_segment_no_record_and_no_transition(
    home: Home,
) -> None:
    outcome = await endure(home, kills=5, seed=11)

    for messages in (outcome.saved, outcome.spoken):
        assert messages.expected > 10
        assert (messages.lost, messages.doubled, messages.misplaced) == (0, 0, 0)

    assert outcome.conversations == 2
    assert (outcome.wrong_sums, balance.misnumbered(outcome.segments)) == (0, 0)
    for sink in (outcome.file, outcome.net):
        assert sink.received >= len(outcome.segments) > 3
        assert (sink.missing, sink.unknown, sink.differing) == (0, 0, 0)

    past = outcome.past
    assert past.told > 10
    assert (past.doubled, past.unknown, past.missing, past.misplaced) == (0, 0, 0, 0)
    assert outcome.damage == "ok"
