"""Twenty of the thousand kills of `make crash`."""

from tests.e2e.home import Home
from tests.hostile.crash import endure


async def test_kills_at_random_moments_leave_exact_counts(home: Home) -> None:
    outcome = await endure(home, kills=20, sources=20, seed=7)

    assert (outcome.lost, outcome.doubled, outcome.wrong_chars) == (0, 0, 0)
    assert outcome.damage == "ok"
    assert "Traceback" not in outcome.log
