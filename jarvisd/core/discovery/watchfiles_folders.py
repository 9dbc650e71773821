"""Hints about new files below the roots, by watchfiles."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import anyio
import structlog
import watchfiles

from jarvisd.core.discovery.hints import Hint, Lost

log = structlog.get_logger()

TREE_STEP_MS = 200
TREE_DEBOUNCE_MS = 200
"""A change is reported one or two steps later, so a new session appears within half
a second. watchfiles polls its queue at each step, which is the most expensive activity
of an idle daemon. Live files do not wait for this."""

HEARTBEAT_MS = 60_000
RECOVERY_MS = 5_000
"""The longest time without a result of watchfiles; the second applies after a failure,
so that a recovery is noticed sooner."""

RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before a watcher that failed is created again, by the number of failures."""


class TreeWatch:
    """Reports new and changed files below the roots, through watchfiles."""

    name = "watchfiles"

    def __init__(self, hint: Hint, lost: Lost) -> None:
        self._hint = hint
        self._lost = lost
        self._stop = anyio.Event()
        self._watched: set[str] = set()
        self.error: str | None = None

    def restart(self) -> None:
        """Restart the watch, because a root was added, removed or replaced."""
        self._stop.set()

    def has_unwatched(self, roots: Iterable[str]) -> bool:
        """Whether one of *roots* is not watched although it could be.

        A root that was deleted and created again is not watched any more, although it
        may have the same inode.
        """
        return self.error is None and not self._watched.issuperset(roots)

    async def run(self, roots: Callable[[], list[str]]) -> None:
        """Watch the existing folders that *roots* returns, until cancelled."""
        failures = 0
        while True:
            self._stop = anyio.Event()
            failed = await self._fails_while_watching(roots())
            self._lost()
            if failed:
                with anyio.move_on_after(RETRY_S[min(failures, len(RETRY_S) - 1)]):
                    await self._stop.wait()

                self._lost()  # changes during the pause were not reported

            failures = failures + 1 if failed else 0

    async def _fails_while_watching(self, roots: list[str]) -> bool:
        """Watch until a restart is requested; return True if watching failed."""
        try:
            await self._watch(roots)
        except* (OSError, RuntimeError) as group:
            # watchfiles raises RuntimeError, for example for a single file name below
            # the roots that is not UTF-8.
            self.error = f"folders are not watched: {group.exceptions[0]}"
            log.warning("watch.trees_failed", reason=str(group.exceptions[0]))
            self._stop = anyio.Event()
            failed = True
        else:
            self.error, failed = None, False
        return failed

    async def _watch(self, roots: list[str]) -> None:
        self._watched = set(roots)
        if not roots:
            self.error = None
            await self._stop.wait()
            return

        async with anyio.create_task_group() as group:
            group.start_soon(_set_when_cancelled, self._stop)
            with _panics_as_errors():
                await self._report_changes(roots)

            group.cancel_scope.cancel()

    async def _report_changes(self, roots: list[str]) -> None:
        async for changes in watchfiles.awatch(
            *roots,
            watch_filter=None,
            step=TREE_STEP_MS,
            debounce=TREE_DEBOUNCE_MS,
            rust_timeout=RECOVERY_MS if self.error else HEARTBEAT_MS,
            yield_on_timeout=True,
            stop_event=self._stop,
            ignore_permission_denied=True,
        ):
            self.error = None
            for change, path in changes:
                self._hint(path)
                if change is watchfiles.Change.deleted:
                    self._watched.discard(path)


@contextmanager
def _panics_as_errors() -> Iterator[None]:
    """Convert a panic of watchfiles, which is Rust, to an error like its others.

    A panic is no Exception, so it would pass every `except` and end the daemon.
    """
    try:
        yield
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise

        raise RuntimeError(f"the watcher panicked: {exc}") from exc


async def _set_when_cancelled(stop: anyio.Event) -> None:
    # The watcher's thread is shielded from cancellation and only checks its stop event;
    # without this, stopping would take as long as its timeout.
    try:
        await anyio.sleep_forever()
    finally:
        stop.set()
