"""The cyclic garbage collector, which passes over what stays for the daemon's life.

A full collection looks at every object there is, and the loop waits for it: a tenth of
a second with the books of a gigabyte of logs. What stays need not be looked at.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jarvisd.base.clock import Clock

LOOK_S = 1.0


@contextmanager
def loading() -> Iterator[None]:
    """Collect nothing while the context lasts; what is there at its end stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def keep_history(is_complete: Callable[[], bool], clock: Clock) -> None:
    """Freeze what is known of history for the collector, once all of it is read."""
    while not is_complete():
        await clock.sleep_until(clock.monotonic() + LOOK_S)

    keep_known()


def keep_known() -> None:
    """Freeze everything there is for the collector."""
    gc.collect(1)  # what is garbage already would stay as well, of the youngest a lot
    gc.freeze()
