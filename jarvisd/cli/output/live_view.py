"""The live view of the blocks: what is drawn, and the loop that draws it.

On a terminal a table that repaints itself; where lines cannot be painted over (a file,
a pipe, a dumb terminal) a whole table every two seconds.
"""

import os
from typing import Protocol

from jarvisd.cli import waiting, wall_clock
from jarvisd.cli.feed import Feed
from jarvisd.cli.output import block_rows, terminal
from jarvisd.cli.output.keys import pressed
from jarvisd.cli.output.screen import Screen
from jarvisd.cli.output.scrolling import SCROLL_KEYS, Scroll, footer, on_screen
from jarvisd.cli.output.tables import render, styled
from jarvisd.cli.output.text import cut, safe, wrap
from jarvisd.core.origin import BlockView, Life

REPAINT_S = 1.0
"""Times are shown relative to now, so the view changes without news."""

LEAST_PAUSE_S = 0.2
"""A thousand busy blocks must not keep us painting."""

SNAPSHOT_S = 2.0


class Following(Protocol):
    """What keeps a view up to date; `is_loaded` once there is something to show."""

    @property
    def is_loaded(self) -> bool:
        """See `Feed`."""
        ...

    def refresh(self) -> None:
        """See `Feed`."""

    def wait_on(self) -> list[int]:
        """See `Feed`."""
        ...

    def due_in_s(self) -> float:
        """See `Feed`."""
        ...

    def close(self) -> None:
        """See `Feed`."""


class Shown(Protocol):
    """What is shown, and what keys do to it; `ended` when the person leaves."""

    @property
    def ended(self) -> bool:
        """Whether the person has left."""
        ...

    def press(self, keys: str) -> None:
        """Do what *keys* stand for."""

    def lines(self, *, columns: int | None, rows: int | None) -> list[str]:
        """Return the lines for a screen of *columns* and *rows*."""
        ...


class LiveView:
    """What of the feed is shown, as lines.

    Attributes:
        everything: Whether old blocks are shown too.
        ended: Whether the person asked to leave.

    """

    def __init__(
        self, feed: Feed, *, everything: bool, project: str | None, colour: bool
    ) -> None:
        self.everything = everything
        self.ended = False
        self._scroll = Scroll()
        self._feed = feed
        self._project = project
        self._colour = colour

    def press(self, keys: str) -> None:
        """Do what *keys* stand for."""
        for key in pressed(keys):
            match key:
                case "leave":
                    self.ended = True
                case "a":
                    self.everything = not self.everything
                case _:
                    self._scroll.press(key)

    def lines(self, *, columns: int | None, rows: int | None) -> list[str]:
        """Return the view as lines for a screen of *columns* and *rows*."""
        now_ms = wall_clock.unix_ms()
        known = block_rows.in_place(block_rows.once_each(self._feed.blocks.values()))
        if self._project is not None:
            known = [
                each for each in known if block_rows.in_project(each, self._project)
            ]

        shown = [
            each
            for each in known
            if self.everything or block_rows.is_recent(each, now_ms)
        ]
        hidden, need = len(known) - len(shown), self._need(known)
        head = self._head(shown, hidden=hidden, need=need, columns=columns)
        # A blank line, the heading, another blank line and the footer.
        window = self._scroll.window(
            len(shown), None if rows is None else rows - len(head) - 4
        )
        self._feed.learn_titles(shown[window])
        view = [*head, "", *self._table(shown[window], now_ms, columns)]
        return view if rows is None else on_screen(view, self._foot(columns), rows)

    def _head(
        self, shown: list[BlockView], *, hidden: int, need: int, columns: int | None
    ) -> list[str]:
        live = sum(each.life is Life.LIVE for each in shown)
        more = f" · {hidden} older" if hidden else ""
        facts = [
            (f"jarvisd · {live} live · {len(shown)} shown{more}", "1"),
            (f"{need} need{'s' if need == 1 else ''} you" if need else "", "1;33"),
            (_progress(self._feed), "36"),
            (_banner(self._feed), "33"),
        ]
        return [
            styled(
                text if columns is None else cut(text, columns),
                style if self._colour else "",
            )
            for text, style in facts
            if text
        ]

    def _need(self, known: list[BlockView]) -> int:
        """Return how many sessions need somebody; with filters, of those followed."""
        if self._feed.status is None:
            return 0

        if self._project is None and not self._feed.is_filtered:
            return self._feed.status.need

        own = (each for each in known if each.parent_session_id is None)
        return len({(e.agent, e.session_id) for e in own if block_rows.needs_you(e)})

    def _foot(self, columns: int | None) -> str:
        older = "a hides older" if self.everything else "a shows older"
        return footer(
            self._scroll.place(),
            "q quit",
            older,
            SCROLL_KEYS,
            columns=columns,
            colour=self._colour,
        )

    def _table(
        self, shown: list[BlockView], now_ms: int, columns: int | None
    ) -> list[str]:
        if not shown:
            status = self._feed.status
            if status is None or self._feed.blocks:
                return []

            lines = block_rows.nothing_found(status.backfill).splitlines()
            return [each for line in lines for each in wrap(line, columns)]

        rows = [block_rows.row(each, now_ms, self._feed.titles) for each in shown]
        return render(
            block_rows.COLUMNS, rows, room=columns, colour=self._colour, steady=True
        )


def _progress(feed: Feed) -> str:
    return (feed.backfill and block_rows.progress(feed.backfill)) or ""


def _banner(feed: Feed) -> str:
    if feed.trouble is not None:
        return f"waiting for jarvisd: {safe(str(feed.trouble))}"

    return "" if feed.status is not None else "connecting to jarvisd"


def run(feed: Following, view: Shown) -> None:
    """Show *view* until the person leaves, in the best way stdout allows."""
    try:
        if terminal.can_redraw(os.environ):
            run_screen(feed, view)
        else:
            _run_snapshots(feed, view)
    finally:
        feed.close()


def run_screen(feed: Following, view: Shown) -> None:
    """Draw on the terminal until the person leaves."""
    with Screen() as screen:
        while not view.ended:
            feed.refresh()
            columns, rows = terminal.size()
            screen.paint(view.lines(columns=columns, rows=rows))
            # Only the person may hurry the next picture.
            keys = screen.wait([], LEAST_PAUSE_S)
            if not keys:
                pause_s = min(REPAINT_S, feed.due_in_s())
                keys = screen.wait(feed.wait_on(), pause_s)

            view.press(keys)


def _run_snapshots(feed: Following, view: Shown) -> None:
    """Print a table every `SNAPSHOT_S`, for ever."""
    while True:
        _gather(feed, SNAPSHOT_S if feed.is_loaded else 0.0)
        now = wall_clock.local_time(wall_clock.unix_ms())
        lines = view.lines(columns=terminal.columns(), rows=None)
        terminal.draw([now, *lines, ""])
        terminal.flush()


def _gather(feed: Following, for_s: float) -> None:
    until = wall_clock.monotonic() + for_s
    while True:
        feed.refresh()
        left_s = until - wall_clock.monotonic()
        if left_s <= 0:
            return

        waiting.wait(feed.wait_on(), min(left_s, feed.due_in_s()))
