"""Waits that a signal ends at once.

Python runs the handler of a signal between two of its instructions. One that comes just
before a wait would be handled after it, which may be never; so the interpreter also
writes to a pipe for each signal, and every wait is for that as well. Only the main
thread is woken: it runs the handlers.
"""

import os
import select
import signal
import threading
from collections.abc import Collection


class _Waker:
    woken: int | None = None


_waker = _Waker()


def watch_signals() -> None:
    """Make signals end the waits of this process, and Ctrl-C raise, from now on."""
    _waker.woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def wait(
    readable: Collection[int],
    timeout_s: float | None,
    *,
    writable: Collection[int] = (),
) -> set[int]:
    """Return the ready ones of *readable*; without *timeout_s* wait for ever.

    A signal ends the wait, and so does one of *writable* that is ready.
    """
    is_main = threading.current_thread() is threading.main_thread()
    woken = _waker.woken if is_main else None
    signals = [] if woken is None else [woken]
    found, _, _ = select.select([*signals, *readable], writable, [], timeout_s)
    ready = set(found)
    if woken is not None and woken in ready:
        os.read(woken, 4096)
        ready.discard(woken)

    return ready
