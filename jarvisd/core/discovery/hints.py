"""Hints: who tells us that a file has grown, and that is all they do.

Live files are woken by inotify on their folders (`live_watch`): 0.1 ms, and nothing
at all while nothing happens. Trees are watched in the same way (`folder_watch`), and
by watchfiles where there is no inotify (`tree_watch`), which wakes at fixed steps. None
is trusted: each can overflow or hit a limit, so each failure is told, retried, and
covered by the scan meanwhile.
"""

from collections.abc import Callable

Hint = Callable[[str], None]
"""Called with the path of a file that may have changed or come."""

Lost = Callable[[], None]
"""Called when hints were lost, so that everything must be looked at."""
