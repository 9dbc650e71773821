"""Waiting on a worker thread, where there is nothing to be woken by."""

from threading import Event

_NEVER = Event()


def pause(seconds: float) -> None:
    """Sleep until another process may have continued, which no event reports."""
    _NEVER.wait(seconds)
