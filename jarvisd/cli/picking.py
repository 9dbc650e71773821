"""The picker: sessions with numbers, one of them chosen, keys that move and go."""

from collections.abc import Callable

from jarvisd.base.errors import JarvisError
from jarvisd.cli import jumping, wall_clock
from jarvisd.cli.output import state_words
from jarvisd.cli.output.keys import pressed
from jarvisd.cli.output.tables import Column, TableCell, render, styled
from jarvisd.cli.output.text import cut, safe, wrap
from jarvisd.cli.output.titles import of_session
from jarvisd.cli.watching import StatesFeed
from jarvisd.state.wire import LiveSession

_Key = tuple[str, str]
Goer = Callable[[jumping.JumpTarget], None]

_COLUMNS = [Column(title="", right=True), *state_words.COLUMNS]
PAGE = 10
_MARK = ">"
FOOT = "Enter jump · up/down select · 1-9 quick jump · q quit"


class Picker:
    """What is drawn and what keys do, for `live.run_screen`.

    Attributes:
        ended: Whether the person has gone somewhere, or asked to leave.

    """

    def __init__(self, feed: StatesFeed, go: Goer, *, colour: bool) -> None:
        self.ended = False
        self._feed = feed
        self._go = go
        self._colour = colour
        self._chosen: _Key | None = None
        self._places: dict[_Key, int] = {}
        self._trouble = ""

    def press(self, keys: str) -> None:
        """Do what *keys* stand for."""
        for key in pressed(keys):
            if not self.ended:
                self._act(key)

    def lines(self, *, columns: int | None, rows: int | None) -> list[str]:
        """Return the picker as lines for a screen of *columns* and *rows*."""
        self._place_new()
        shown = self._sessions()
        at = self._at(shown)
        self._chosen = _key(shown[at]) if shown else None
        foot = self._foot(shown, columns)
        room = max(1, (rows or 24) - 3 - len(foot))
        first = max(0, min(at - room // 2, len(shown) - room))
        visible = list(enumerate(shown))[first : first + room]
        now_ms = wall_clock.unix_ms()
        self._feed.learn_titles(each for _, each in visible)
        cells = [
            self._row(each, now_ms, is_chosen=index == at) for index, each in visible
        ]
        table = render(_COLUMNS, cells, room=columns, colour=self._colour)
        if not visible:
            return foot

        if self._colour and visible:
            table[at - first + 1] = f"\x1b[7m{_plain(table[at - first + 1])}\x1b[0m"

        return [*table, "", *foot]

    def _act(self, action: str) -> None:
        shown = self._sessions()
        at = self._at(shown)
        match action:
            case "up" | "down" | "page up" | "page down" | "first" | "last":
                self._move(shown, at, action)
            case "enter" if shown:
                self._visit(shown[at])
            case "leave" | "escape":
                self.ended = True
            case digit if digit in "123456789":
                self._visit_number(int(digit), shown)

    def _move(self, shown: list[LiveSession], at: int, how: str) -> None:
        if not shown:
            return

        last = len(shown) - 1
        place = {
            "up": at - 1,
            "down": at + 1,
            "page up": at - PAGE,
            "page down": at + PAGE,
            "first": 0,
            "last": last,
        }[how]
        self._chosen = _key(shown[min(max(place, 0), last)])

    def _visit(self, session: LiveSession) -> None:
        """Jump to the session; where that fails, show why and keep the list open."""
        self._chosen = _key(session)
        pid = session.state.pid
        if pid is None:
            name = self._feed.titles.of(of_session(session))
            self._trouble = str(jumping.no_process(session.agent, name))
            return

        try:
            self._go(jumping.target(session, pid))
        except JarvisError as exc:
            self._trouble = str(exc)
        else:
            self.ended = True

    def _visit_number(self, number: int, shown: list[LiveSession]) -> None:
        for each in shown:
            if self._number(each) == number:
                self._visit(each)

    def _row(
        self, session: LiveSession, now_ms: int, *, is_chosen: bool
    ) -> list[TableCell]:
        mark = _MARK if is_chosen else " "
        number = TableCell(f"{mark}{self._number(session)}")
        return [number, *state_words.row(session, now_ms, self._feed.titles)]

    def _number(self, session: LiveSession) -> int:
        return self._places[_key(session)] + 1

    def _sessions(self) -> list[LiveSession]:
        """Return the painted rows that are still there, each in its place."""
        placed = (each for each in self._feed.sessions if _key(each) in self._places)
        return sorted(placed, key=self._number)

    def _place_new(self) -> None:
        """Assign a row to sessions that have none; a session keeps its row.

        A number that somebody has read must not mean another session a moment later.
        """
        for each in self._in_order():
            self._places.setdefault(_key(each), len(self._places))

    def _in_order(self) -> list[LiveSession]:
        """Return those in need, then those at work; subagents are in their parents."""
        first = state_words.in_need(self._feed.sessions)
        keys = {_key(each) for each in first}
        rest = [
            each
            for each in self._feed.sessions
            if each.parent_session_id is None and _key(each) not in keys
        ]
        return first + rest

    def _at(self, shown: list[LiveSession]) -> int:
        """Return where the chosen one is now; where it has gone, the next one."""
        if self._chosen is None or not shown:
            return 0

        place = self._places[self._chosen] + 1
        later = (at for at, each in enumerate(shown) if self._number(each) >= place)
        return next(later, len(shown) - 1)

    def _foot(self, shown: list[LiveSession], columns: int | None) -> list[str]:
        trouble = self._trouble or (
            "" if self._feed.trouble is None else str(self._feed.trouble)
        )
        empty = self._feed.is_loaded and not shown
        text = trouble or ("no agent is running" if empty else FOOT)
        style = ("33" if trouble else "2") if self._colour else ""
        # A reason is shown whole; of the keys, those that have room.
        wrapped = wrap(safe(text), columns)
        shown_lines = (
            wrapped if trouble or columns is None else [cut(safe(text), columns)]
        )
        return [styled(each, style) for each in shown_lines]


def _key(session: LiveSession) -> _Key:
    return session.agent, session.session_id


def _plain(line: str) -> str:
    """Return *line* without its colours, which reverse video would break off."""
    return safe(line)
