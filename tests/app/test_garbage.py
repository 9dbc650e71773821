"""What the garbage collector is spared."""

import gc
from collections.abc import Iterator

import anyio
import pytest

from jarvisd.app.garbage import LOOK_S, keep_history, loading
from tests.support import FakeClock


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def is_collected(thing: object) -> bool:
    return any(each is thing for each in gc.get_objects())


def test_what_was_loaded_is_not_looked_at_again() -> None:
    with loading():
        assert not gc.isenabled()
        stays: list[object] = []

    assert gc.isenabled()
    assert not is_collected(stays)


def test_a_store_that_cannot_be_loaded_leaves_the_collector_at_work() -> None:
    with pytest.raises(OSError, match="disk"), loading():
        raise OSError("disk")

    assert gc.isenabled()


async def test_what_is_known_of_history_is_not_looked_at_once_all_is_read() -> None:
    clock, is_read = FakeClock(), False
    known: list[object] = []
    async with anyio.create_task_group() as group:
        group.start_soon(keep_history, lambda: is_read, clock)
        await clock.advance(5 * LOOK_S)
        assert is_collected(known)

        is_read = True
        await clock.advance(LOOK_S)

        assert not is_collected(known)
