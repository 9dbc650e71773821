"""Seconds of the hour of `make soak`: whether it measures, and counts exactly."""

from tests.e2e.home import Home
from tests.hostile.soak import endure


async def test_a_short_life_among_agents_and_frontends_is_counted_exactly(
    home: Home,
) -> None:
    samples, lines, logged = await endure(home, seconds=6)

    assert lines > 100
    assert samples[-1].descriptors < 60
    assert logged < 20
