"""Waiting on a worker thread, where there is nothing to be woken by."""

from threading import Event

_NEVER = Event()


def pause(seconds: float) -> None:
    """Let another process go on: it announces nothing that could be awaited."""
    _NEVER.wait(seconds)
