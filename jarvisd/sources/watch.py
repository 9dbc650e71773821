"""Who tells us that a file has grown: hints, from two kinds of watchers.

Live files are woken by inotify on their folders, read in a callback of the event
loop: 0.1 ms, and nothing at all while nothing happens. Trees are watched by
watchfiles, which follows new folders by itself and works everywhere, but wakes at
fixed steps. Neither is trusted: both can overflow, hit a limit or die on a bad file
name, so each failure is told, retried, and covered by the scan meanwhile.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import anyio
import structlog
import watchfiles

try:  # Linux only; elsewhere TreeWatch and the scan do all the work
    from inotify_simple import INotify
    from inotify_simple import flags as inotify
except ImportError:  # pragma: no cover
    INotify = None

log = structlog.get_logger()

Hint = Callable[[str], None]
"""Called with the path of a file that may have changed or come."""

Lost = Callable[[], None]
"""Called when hints were lost, so that everything must be looked at."""

TREE_STEP_MS = 100
TREE_DEBOUNCE_MS = 200
"""A new session shows within half a second, and an idle watcher costs a hundredth of
a percent of a core; live files do not wait for this."""

RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""How long to wait before a watcher that died is built again."""


class LiveWatch:
    """Wakes the files in the folders it is told of, through inotify."""

    def __init__(self, hint: Hint, lost: Lost) -> None:
        self._hint = hint
        self._lost = lost
        self._notify: INotify | None = None
        self._folders: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self.error: str | None = None

    def __len__(self) -> int:
        return len(self._watches)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Listen while the context lasts; without inotify this does nothing."""
        try:
            self._notify = INotify(nonblocking=True) if INotify else None
        except OSError as exc:
            self._failed(f"inotify is not available: {exc.strerror}")

        if self._notify is None:
            yield
            return

        loop = asyncio.get_running_loop()
        loop.add_reader(self._notify.fileno(), self._read)
        try:
            yield
        finally:
            loop.remove_reader(self._notify.fileno())
            self._notify.close()
            self._notify = None

    def add(self, folder: str) -> None:
        """Watch *folder*; again after it was removed and made anew."""
        if self._notify is None or folder in self._watches:
            return

        try:
            watch = self._notify.add_watch(folder, _mask())
        except FileNotFoundError:
            return
        except OSError as exc:
            self._failed(f"{folder} is not watched: {exc.strerror}")
            return

        self._watches[folder] = watch
        self._folders[watch] = folder

    def remove(self, folder: str) -> None:
        """Stop watching *folder*."""
        watch = self._watches.pop(folder, None)
        if watch is None or self._notify is None:
            return

        self._folders.pop(watch, None)
        with suppress(OSError):  # the folder is gone, and its watch with it
            self._notify.rm_watch(watch)

    def _read(self) -> None:
        assert self._notify is not None
        for event in self._notify.read(timeout=0):
            if event.mask & inotify.Q_OVERFLOW:
                log.warning("watch.overflowed")
                self._lost()
            elif event.mask & inotify.IGNORED:
                self._watches.pop(self._folders.pop(event.wd, ""), None)
            elif event.name and event.wd in self._folders:
                self._hint(f"{self._folders[event.wd]}/{event.name}")

    def _failed(self, reason: str) -> None:
        if self.error is None:
            log.warning("watch.live_failed", reason=reason)

        self.error = reason


class TreeWatch:
    """Tells of new and changed files anywhere below the roots, through watchfiles."""

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
        """Say whether one of *roots* could be watched and is not.

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
                await anyio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
            else:
                failures = 0

    async def _fails_to_watch(self, roots: list[str]) -> bool:
        """Watch until told to stop; return True if it failed instead."""
        try:
            await self._watch(roots)
        except* (OSError, RuntimeError) as group:
            # watchfiles' own errors are RuntimeErrors. One file name that is not
            # UTF-8 anywhere below the roots is enough for one.
            self.error = f"folders are not watched: {group.exceptions[0]}"
            log.warning("watch.trees_failed", reason=str(group.exceptions[0]))
            failed = True
        else:
            self.error, failed = None, False
        return failed

    async def _watch(self, roots: list[str]) -> None:
        self._watched = set(roots)
        if not roots:
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
            stop_event=self._stop,
            ignore_permission_denied=True,
        ):
            for change, path in changes:
                self._hint(path)
                if change is watchfiles.Change.deleted:
                    self._watched.discard(path)


@contextmanager
def _panics_as_errors() -> Iterator[None]:
    """Take a panic of watchfiles, which is Rust, for an error like its others.

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
    # event; without this, stopping takes as long as its time limit, which is 5 s.
    try:
        await anyio.sleep_forever()
    finally:
        stop.set()


def _mask() -> int:
    return int(
        inotify.MODIFY
        | inotify.ATTRIB
        | inotify.CREATE
        | inotify.DELETE
        | inotify.MOVED_TO
        | inotify.MOVED_FROM
        | inotify.ONLYDIR
    )
