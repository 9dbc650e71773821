"""Hints about new files anywhere below the roots, by watchfiles."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import anyio
import structlog
import watchfiles

from jarvisd.core.discovery.hints import Hint, Lost

log = structlog.get_logger()

TREE_STEP_MS = 200
TREE_DEBOUNCE_MS = 200
"""A change is told one or two steps later, so a new session shows within half a second.
watchfiles looks at each step whether anything came: the dearest of what an idle daemon
does by itself. Live files do not wait for this."""

SIGN_OF_LIFE_MS = 60_000
AGAIN_ALIVE_MS = 5_000
"""watchfiles says at least so often that it works; sooner after it has failed."""

RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""How long to wait before a watcher that died is built again."""


class TreeWatch:
    """Tells of new and changed files anywhere below the roots, through watchfiles."""

    name = "watchfiles"

    def __init__(self, hint: Hint, lost: Lost) -> None:
        self._hint = hint
        self._lost = lost
        self._stop = anyio.Event()
        self._watched: set[str] = set()
        self.error: str | None = None

    def restart(self) -> None:
        """Watch anew: a root has come, gone, or was replaced."""
        self._stop.set()

    def misses(self, roots: Iterable[str]) -> bool:
        """Whether one of *roots* could be watched and is not.

        A root that was removed is not watched any more when it is back, although it
        may well have got its old inode again.
        """
        return self.error is None and not self._watched.issuperset(roots)

    async def run(self, roots: Callable[[], list[str]]) -> None:
        """Watch the existing folders that *roots* gives, until cancelled."""
        failures = 0
        while True:
            self._stop = anyio.Event()
            failed = await self._fails_to_watch(roots())
            self._lost()
            if failed:
                with anyio.move_on_after(RETRY_S[min(failures, len(RETRY_S) - 1)]):
                    await self._stop.wait()

                self._lost()  # what came meanwhile, nobody will tell of

            failures = failures + 1 if failed else 0

    async def _fails_to_watch(self, roots: list[str]) -> bool:
        """Watch until told to stop; return True if it failed instead."""
        try:
            await self._watch(roots)
        except* (OSError, RuntimeError) as group:
            # watchfiles' own errors are RuntimeErrors. One file name that is not
            # UTF-8 anywhere below the roots is enough for one.
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
                await self._tell_changes(roots)

            group.cancel_scope.cancel()

    async def _tell_changes(self, roots: list[str]) -> None:
        async for changes in watchfiles.awatch(
            *roots,
            watch_filter=None,
            step=TREE_STEP_MS,
            debounce=TREE_DEBOUNCE_MS,
            rust_timeout=AGAIN_ALIVE_MS if self.error else SIGN_OF_LIFE_MS,
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

    It is no Exception, so it would pass every `except` and end the daemon.
    """
    try:
        yield
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise

        raise RuntimeError(f"the watcher panicked: {exc}") from exc


async def _set_when_cancelled(stop: anyio.Event) -> None:
    # The watcher's thread is shielded from cancellation and only looks at its stop
    # event; without this, stopping takes as long as its time limit.
    try:
        await anyio.sleep_forever()
    finally:
        stop.set()
