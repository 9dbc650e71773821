"""Hints: who tells us that a file has grown, and that is all they do.

Live files are woken by inotify on their folders (`live_watch`): 0.1 ms, and nothing
at all while nothing happens. Trees are watched by watchfiles (`tree_watch`), which
follows new folders by itself and works everywhere, but wakes at fixed steps. Neither
is trusted: both can overflow, hit a limit or die on a bad file name, so each failure
is told, retried, and covered by the scan meanwhile.
"""

from collections.abc import Callable

Hint = Callable[[str], None]
"""Called with the path of a file that may have changed or come."""

Lost = Callable[[], None]
"""Called when hints were lost, so that everything must be looked at."""
