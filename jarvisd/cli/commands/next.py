"""`jarvisctl next`: which session needs somebody, since when, and why."""

import argparse
import os

from jarvisd.base import paths
from jarvisd.base.errors import EXIT_FAILURE
from jarvisd.cli import filters, waiting, wall_clock
from jarvisd.cli.output import block_rows, live_view, state_words, terminal
from jarvisd.cli.output.keys import pressed
from jarvisd.cli.output.scrolling import SCROLL_KEYS, Scroll, footer, on_screen
from jarvisd.cli.output.tables import FAINT, render, styled
from jarvisd.cli.output.text import cut, safe, wrap
from jarvisd.cli.output.titles import Titles, of_session
from jarvisd.cli.parser import (
    Parser,
    Subparsers,
    add_colour,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.cli.watching import StatesFeed
from jarvisd.overview.wire import Status, StatusResult
from jarvisd.state.wire import LiveSession, StatesList, StatesListResult

MORE = """Approvals come first, then questions, limits, crashes, stalled sessions,
what stands out (loops, silence, cost), guesses, and idle ones, the longest first. A
guess has a question mark behind its state, and is not counted as somebody in need: the
hint says what would make it sure."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "next", run, more=MORE)
    add_filters(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--check", action="store_true", help="exit with 1 when somebody is needed"
    )
    form.add_argument("-w", "--watch", action="store_true", help="go on until q")
    add_json(parser)
    add_colour(parser)
    add_connection(parser)


def add_filters(parser: Parser) -> None:
    """Add the options that choose sessions."""
    parser.add_argument("--agent", metavar="NAME", help="only this agent's")
    parser.add_argument(
        "--project", metavar="NAME", help="only this project's: the end of a path"
    )


def run(args: argparse.Namespace) -> int:
    """Print who needs somebody; 0 whoever does, save with --check."""
    chosen = StatesList(agent=args.agent, project=args.project)
    with client_of(args) as client:
        filters.check(client.call, agent=args.agent, project=args.project)
        if args.watch:
            _watch(args, chosen)
            return 0

        answer = client.call(chosen, StatesListResult)
        found = state_words.in_need(answer.sessions)
        needed = any(map(state_words.needs_you, found))
        titles, nobody = Titles(), state_words.NOBODY
        if not args.json:
            titles.learn(client.call, map(of_session, found))
            if not needed:
                nobody = _nobody(client.call(Status(), StatusResult))

    if args.json:
        _print_json(found, answer.now_ms)
    else:
        _print(found, answer.now_ms, titles, args)
        if not needed:
            terminal.report(nobody)

    return EXIT_FAILURE if args.check and needed else 0


def lines(
    sessions: list[LiveSession],
    now_ms: int,
    titles: Titles,
    *,
    room: int | None,
    colour: bool,
) -> list[str]:
    """Return *sessions* as a table, hints below it; none are no lines."""
    table = _table(sessions, now_ms, titles, room=room, colour=colour)
    return [*table, *_hints(sessions, room, colour=colour)]


def _table(
    sessions: list[LiveSession],
    now_ms: int,
    titles: Titles,
    *,
    room: int | None,
    colour: bool,
) -> list[str]:
    if not sessions:
        return []

    rows = [state_words.row(each, now_ms, titles) for each in sessions]
    return render(state_words.COLUMNS, rows, room=room, colour=colour)


def _hints(sessions: list[LiveSession], room: int | None, *, colour: bool) -> list[str]:
    hints = (line for each in state_words.hints(sessions) for line in wrap(each, room))
    return [styled(each, FAINT if colour else "") for each in hints]


def _print(
    found: list[LiveSession], now_ms: int, titles: Titles, args: argparse.Namespace
) -> None:
    colour = terminal.wants_colour(args.color, os.environ)
    terminal.draw(lines(found, now_ms, titles, room=terminal.columns(), colour=colour))


def _nobody(status: StatusResult) -> str:
    """Return that nobody needs you, as far as is known while logs are still read."""
    progress = block_rows.progress(status.backfill)
    return (
        state_words.NOBODY
        if progress is None
        else f"{state_words.NOBODY} so far; {progress}"
    )


def _print_json(found: list[LiveSession], now_ms: int, *, stream: bool = False) -> None:
    show = terminal.print_json_line if stream else terminal.print_json
    show(now_ms=now_ms, sessions=found)


def _watch(args: argparse.Namespace, chosen: StatesList) -> None:
    feed = StatesFeed(args.socket or paths.socket_path(os.environ), chosen)
    feed.connect()
    if args.json or terminal.columns() is None:
        _stream(feed)
    else:
        colour = terminal.wants_colour(args.color, os.environ)
        live_view.run(feed, NextView(feed, colour=colour))


def _stream(feed: StatesFeed) -> None:
    """Print a line each time that the answer is another one, for ever."""
    printed: list[LiveSession] | None = None
    while True:
        feed.refresh()
        found = state_words.in_need(feed.sessions)
        if found != printed:
            printed = found
            _print_json(found, feed.now_ms, stream=True)

        waiting.wait(feed.wait_on(), feed.due_in_s())


class NextView:
    """The table of `next`, for `live.run`.

    Attributes:
        ended: Whether the person asked to leave.

    """

    def __init__(self, feed: StatesFeed, *, colour: bool) -> None:
        self.ended = False
        self._scroll = Scroll()
        self._feed = feed
        self._colour = colour

    def press(self, keys: str) -> None:
        """Do what *keys* stand for."""
        for key in pressed(keys):
            if key == "leave":
                self.ended = True
            else:
                self._scroll.press(key)

    def lines(self, *, columns: int | None, rows: int | None) -> list[str]:
        """Return the view as lines for a screen of *columns* and *rows*."""
        found = state_words.in_need(self._feed.sessions)
        head = self.head(found, columns)
        hints = _hints(found, columns, colour=self._colour)
        # A blank line, the heading, another blank line and the footer.
        window = self._scroll.window(
            len(found), None if rows is None else rows - len(head) - len(hints) - 4
        )
        self._feed.learn_titles(found[window])
        table = _table(
            found[window],
            wall_clock.unix_ms(),
            self._feed.titles,
            room=columns,
            colour=self._colour,
        )
        view = [*head, "", *table, *hints]
        if rows is None:
            return view

        place = self._scroll.place()
        foot = footer(
            place, "q quit", SCROLL_KEYS, columns=columns, colour=self._colour
        )
        return on_screen(view, foot, rows)

    def head(self, found: list[LiveSession], columns: int | None) -> list[str]:
        """Return the lines above the table."""
        needed = sum(map(state_words.needs_you, found))
        verb = "need" if needed > 1 else "needs"
        title = f"jarvisd · {needed or 'nobody'} {verb} you"
        facts = [(title, "1")]
        if self._feed.trouble is not None:
            facts.append(
                (f"waiting for jarvisd: {safe(str(self._feed.trouble))}", "33")
            )

        return [
            styled(
                text if columns is None else cut(text, columns),
                style if self._colour else "",
            )
            for text, style in facts
        ]
