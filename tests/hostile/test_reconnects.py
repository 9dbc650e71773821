"""A hundred of the thousand reconnects of `make soak`."""

from tests.e2e.home import Home
from tests.hostile.reconnects import endure


async def test_who_reconnects_with_a_cursor_misses_and_repeats_nothing(
    home: Home,
) -> None:
    subscriber, missed = await endure(home, times=100)

    assert subscriber.told > 100
    assert (missed, subscriber.duplicates, subscriber.resets) == (0, 0, 0)
