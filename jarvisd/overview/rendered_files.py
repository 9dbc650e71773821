"""Small files beside the socket, for status lines that would rather `cat`.

`line` is the text, `tmux` a short one with styles, `need` the numbers of the processes
whose sessions need somebody, `status.json` the answer to `status`. A reader sees the old file or the new one, never half of either. They are
written when something has changed, at most four times a second, and touched every five
seconds: a file older than fifteen is the word of a daemon that died. A clean exit takes
them away.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
import structlog

from jarvisd.base.clock import Clock, next_tick
from jarvisd.overview.status import StatusBoard
from jarvisd.overview.status_text import render_line, render_tmux
from jarvisd.overview.wire import StatusResult
from jarvisd.state.engine import StateEngine

log = structlog.get_logger()

INTERVAL_S = 0.25
MAX_SHARE = 0.01
"""Of a core, for the files: with a thousand live blocks they change once a second."""
HEARTBEAT_S = 5.0
STALE_S = 15.0
"""After this long without a touch, readers should take the files for leftovers."""


class Renderer:
    """Keeps the files in *folder* as the status is, from `run` until it ends."""

    def __init__(
        self, status: StatusBoard, states: StateEngine, clock: Clock, folder: Path
    ) -> None:
        self._status = status
        self._states = states
        self._clock = clock
        self._line = _RenderedFile(folder / "line")
        self._tmux = _RenderedFile(folder / "tmux")
        self._need = _RenderedFile(folder / "need")
        self._json = _RenderedFile(folder / "status.json")
        self._wake = anyio.Event()
        self._shown: StatusResult | None = None
        self._seen: StatusResult | None = None
        """The newest picture; it may show no more than the one before it."""
        self._failing = False

    def wake(self, _: object = None) -> None:
        """Render what has changed, whoever reported it; cheap."""
        self._wake.set()

    async def run(self) -> None:
        """Render when something changes, until cancelled; then remove the files."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._beat)
                self.wake()
                while True:
                    await self._wake.wait()
                    self._wake = anyio.Event()
                    began = self._clock.monotonic()
                    self._render()
                    ended = self._clock.monotonic()
                    pause_s = max(INTERVAL_S, min((ended - began) / MAX_SHARE, 1.0))
                    await self._clock.sleep_until(ended + pause_s)
        finally:
            for file in self._files:
                file.remove()

    async def _beat(self) -> None:
        while True:
            now = self._clock.monotonic()
            await self._clock.sleep_until(next_tick(now, HEARTBEAT_S))
            self._try(self._touch)
            if self._shown is None or not self._status.holds(self._seen):
                self.wake()

    def _render(self) -> None:
        status = self._seen = self._status.result()
        if self._shown is None or _facts(status) != _facts(self._shown):
            self._shown = status
            self._try(self._write)

    @property
    def _files(self) -> tuple["_RenderedFile", ...]:
        return self._line, self._tmux, self._need, self._json

    def _write(self) -> None:
        status = self._status.result()
        self._line.write(render_line(status).encode() + b"\n")
        self._tmux.write(render_tmux(status).encode() + b"\n")
        self._need.write(" ".join(map(str, self._pids())).encode() + b"\n")
        self._json.write(self._status.encoded() + b"\n")

    def _pids(self) -> list[int]:
        """Return the processes whose sessions need somebody, as far as they are known."""
        states = self._states
        views = (states.view(*key) for key in states.roots() if states.is_needy(key))
        return sorted({each.pid for each in views if each.pid is not None})

    def _touch(self) -> None:
        for file in self._files:
            file.touch()

    def _try(self, act: Callable[[], None]) -> None:
        """Do without the files while the folder cannot be written."""
        try:
            act()
        except OSError as exc:
            self._shown = None  # so that all is written once it can be
            if not self._failing:
                log.warning("render.failed", reason=exc.strerror)

            self._failing = True
        else:
            self._failing = False


def _facts(status: StatusResult) -> tuple[object, ...]:
    """Return the values whose change is worth a new file; time and rates alone are not."""
    return (
        status.blocks,
        status.live,
        status.line_count,
        status.token_estimate,
        status.today_tokens,
        status.today_cost_micros,
        status.last_activity_ms,
        status.revision,
        status.backfill,
        status.degraded,
        status.states,
    )


class _RenderedFile:
    """One file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = path.with_name(f".{path.name}.next")
        self._content = b""

    def write(self, content: bytes) -> None:
        """Replace the file by *content*, unless it is the same."""
        if content == self._content:
            return

        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(self._next, flags, 0o600), "wb") as file:
            file.write(content)

        self._next.replace(self._path)
        self._content = content

    def touch(self) -> None:
        """Make it young; if somebody has removed it, have it written again."""
        try:
            os.utime(self._path)
        except FileNotFoundError:
            self._content = b""
            raise

    def remove(self) -> None:
        """Remove the file."""
        for path in (self._path, self._next):
            with suppress(OSError):
                path.unlink()
