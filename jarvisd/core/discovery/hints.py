"""Hints: notifications that a file may have changed, without any guarantee.

Live files are woken by inotify on their folders (`live_watch`): 0.1 ms for a change, and
no cost otherwise. Trees are watched in the same way (`folder_watch`), or by watchfiles
where there is no inotify (`tree_watch`), which polls. None is trusted: each can overflow
or reach a limit, so each failure is reported and retried, and the scan finds what was
missed.
"""

from collections.abc import Callable

Hint = Callable[[str], None]
"""Called with the path of a file that may be new or changed."""

Lost = Callable[[], None]
"""Called when hints were lost, so that everything must be scanned."""
