"""Which part of a long list is on the screen, and the line below it that says so."""

from jarvisd.cli.output.tables import FAINT, styled
from jarvisd.cli.output.text import cut

SCROLL_KEYS = "up/down PgUp/PgDn scroll"


class Scroll:
    """The part of a list that is shown; moved by keys, kept within the list."""

    def __init__(self) -> None:
        self._first = 0
        self._room = 1
        self._total = 0

    def press(self, key: str) -> None:
        """Do what *key* stands for, if it moves the list."""
        page = max(1, self._room - 1)
        steps = {
            "up": -1,
            "down": 1,
            "page up": -page,
            "page down": page,
            "first": -self._total,
            "last": self._total,
        }
        self._first += steps.get(key, 0)
        self._keep_within()

    def window(self, total: int, room: int | None) -> slice:
        """Return the range of *total* rows that is shown in the room given."""
        self._total, self._room = total, total if room is None else max(0, room)
        self._keep_within()
        return slice(self._first, self._first + self._room)

    def place(self) -> str:
        """Return the range of the rows that are shown; "" if all are."""
        if self._total <= self._room:
            return ""

        last = min(self._total, self._first + self._room)
        return f"{self._first + 1}-{last} of {self._total}"

    def _keep_within(self) -> None:
        self._first = max(0, min(self._first, self._total - self._room))


def footer(*parts: str, columns: int | None, colour: bool) -> str:
    """Return the last line of a view: what of *parts* is there, as far as it fits."""
    text = " · ".join(part for part in parts if part)
    shown = text if columns is None else cut(text, columns)
    return styled(shown, FAINT if colour else "")


def on_screen(top: list[str], bottom: str, rows: int) -> list[str]:
    """Return *top* and, on the last of *rows*, *bottom*."""
    return [*top, *[""] * (rows - 1 - len(top)), bottom]
