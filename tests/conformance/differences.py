"""Every difference between two reports, and those that are known and meant.

A report becomes a flat table, (row, field) -> value, so that nothing in it can be
forgotten. A known difference does not excuse a field: it tells how the two values of it
must be related. docs/accuracy.md lists the same ones, in the same words.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

Json = dict[str, Any]
Table = dict[tuple[str, str], Any]

ABSENT = "absent"
ROUNDING = 0.5e-6
"""What rounding can do to the cost of a response: half a micro-dollar."""
STREAM_S = 60
"""Longer than any reply of the generator takes to be written."""

_NAMES = ("period", "date", "week", "month", "sessionId")
_MONEY = {"cost", "totalCost", "costUSD", "costPerHour"}
TOKENS = (
    "inputTokens",
    "outputTokens",
    "cacheCreationTokens",
    "cacheReadTokens",
    "totalTokens",
)


class Difference(NamedTuple):
    """One value that two tools do not agree on; *row* is empty for the list of rows."""

    report: str
    row: str
    field: str
    theirs: Any
    ours: Any

    @property
    def last_name(self) -> str:
        """Return the innermost name of the field."""
        return self.field.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the logs say, found without any of the tools.

    Attributes:
        responses: How many there are.
        spans: By session, the times of its first and its last line.
        relatives: By session that shares responses with others, all of these and it.
        unreal: Times of what agents wrote in a model's name.
        days: By day, our own account of Claude's tokens.

    """

    responses: int = 0
    spans: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    relatives: Mapping[str, Collection[str]] = field(default_factory=dict)
    unreal: Collection[str] = ()
    days: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A difference that is meant, as a row of the page."""

    where: str
    theirs: str
    ours: str
    why: str


@dataclass(frozen=True, slots=True)
class Known(Row):
    """One whose two values must be related in some way."""

    explains: Callable[[Difference, Facts], bool]


def differences(report: str, theirs: Json, ours: Json) -> Iterator[Difference]:
    """Give every value that is not the same in both, or in only one of them."""
    a, b = table(theirs), table(ours)
    for row, name in sorted(a.keys() | b.keys()):
        pair = a.get((row, name), ABSENT), b.get((row, name), ABSENT)
        if pair[0] != pair[1]:
            yield Difference(report, row, name, *pair)


def table(report: Json) -> Table:
    """Return all values of *report* by row and field."""
    found: Table = {}
    for key, value in report.items():
        if isinstance(value, dict):
            found |= {(key, name): each for name, each in _fields(value)}
            continue

        rows = {_name(each): each for each in value}
        assert len(rows) == len(value), "two rows of one name"
        found["", key] = list(rows)
        for row, each in rows.items():
            found |= {(row, name): value for name, value in _fields(each)}

    return found


def explanation(difference: Difference, facts: Facts) -> Known | None:
    """Return what explains *difference*, if anything does."""
    return next((each for each in KNOWN if each.explains(difference, facts)), None)


def _name(row: Json) -> str:
    """Return what a row is of: windows and gaps are known by the hour they begin in."""
    if "isGap" in row:
        kind = "gap" if row["isGap"] else "window"
        return f"{kind} {row['startTime'][:13]}"

    return next(str(row[name]) for name in _NAMES if name in row)


def _fields(value: Json, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        name = before + key
        match each:
            case dict():
                yield from _fields(each, f"{name}.")
            case [{"modelName": _}, *_]:
                yield name, [part["modelName"] for part in each]
                for part in each:
                    yield from _fields(part, f"{name}.{part['modelName']}.")
            case _:
                yield name, each


def _rounded(found: Difference, facts: Facts) -> bool:
    if found.last_name not in _MONEY or ABSENT in found:
        return False

    return bool(abs(found.theirs - found.ours) <= facts.responses * ROUNDING)


def _in_another_order(found: Difference, _: Facts) -> bool:
    return (
        found.last_name in {"modelsUsed", "models"}
        and ABSENT not in (found.theirs, found.ours)
        and sorted(found.theirs) == sorted(found.ours)
    )


def _wider(found: Difference, facts: Facts) -> bool:
    first, last = facts.spans.get(found.row[-36:], ("", ""))
    match found.last_name:
        case "firstActivity":
            return bool(found.ours == first <= found.theirs)
        case "lastActivity":
            return bool(found.ours == last >= found.theirs)
        case _:
            return False


def _first_copy(found: Difference, _: Facts) -> bool:
    if found.report != "blocks" or ABSENT in found:
        return False

    edges = {"id", "startTime", "endTime"} if found.row.startswith("gap") else set()
    if found.field not in {"actualEndTime", *edges}:
        return False

    theirs, ours = (
        datetime.fromisoformat(each.removeprefix("gap-"))
        for each in (found.theirs, found.ours)
    )
    return timedelta() < theirs - ours < timedelta(seconds=STREAM_S)


def _unreal(found: Difference, facts: Facts) -> bool:
    if found.report != "blocks" or found.field != "entries":
        return False

    start = datetime.fromisoformat(found.row.removeprefix("window ") + ":00Z")
    written = [datetime.fromisoformat(each) - start for each in facts.unreal]
    within = [each for each in written if timedelta() <= each < timedelta(hours=5)]
    return bool(found.theirs - found.ours == len(within))


def _of_relatives(found: Difference, facts: Facts) -> bool:
    if not found.report.endswith("session"):
        return False

    if found.row:
        return found.row in facts.relatives

    theirs, ours = (
        [each for each in rows if each not in facts.relatives]
        for rows in (found.theirs, found.ours)
    )
    return theirs == ours


def _sundays(found: Difference, facts: Facts) -> bool:
    if found.report != "claude weekly":
        return False

    if not found.row:
        weeks = (
            map(date.fromisoformat, found.theirs),
            map(date.fromisoformat, found.ours),
        )
        return [{each.isoweekday() for each in days} for days in weeks] == [{7}, {1}]

    # Their week is seven of our days; ours are looked at where all agents are asked for.
    if found.theirs == ABSENT or found.field not in TOKENS:
        return ABSENT in found

    first = date.fromisoformat(found.row)
    week = [(first + timedelta(days=each)).isoformat() for each in range(7)]
    mine = [facts.days[day][found.field] for day in week if day in facts.days]
    return bool(found.theirs == sum(mine))


def _official(found: Difference, _: Facts) -> bool:
    # Rows are known by where they begin, which is what differs.
    return found.report == "official blocks" and (ABSENT in found or not found.row)


KNOWN = (
    Known(
        where="`totalCost`, `cost`, `costUSD`, `costPerHour`",
        theirs="sums of floating-point numbers",
        ours="each response rounded to a micro-dollar",
        why="sums that are exact in any order; at most half a micro-dollar a response",
        explains=_rounded,
    ),
    Known(
        where="`modelsUsed` of sessions and with `--agent claude`, `models` of blocks",
        theirs="in the order of files",
        ours="by name; of blocks, in the order of time",
        why="the order of files means nothing",
        explains=_in_another_order,
    ),
    Known(
        where="`firstActivity`, `lastActivity`",
        theirs="of lines with usage",
        ours="of all lines of the session and its subagents, so some seconds wider",
        why="a prompt and the result of a tool are activity",
        explains=_wider,
    ),
    Known(
        where="`actualEndTime`, and the edges of gaps",
        theirs="the newest copy of a response",
        ours="its first copy, some seconds earlier",
        why="a response is of one moment, whatever number of lines it is streamed in",
        explains=_first_copy,
    ),
    Known(
        where="`entries` of blocks",
        theirs="with what the agent wrote in a model's name (`<synthetic>`)",
        ours="responses of models",
        why="nothing was sent or spent",
        explains=_unreal,
    ),
    Known(
        where="sessions that begin with one and the same line: a fork and its original",
        theirs="the shared responses are of one of them; one without others has no row",
        ours="of the lesser session id",
        why="nothing in the files says which was first; together they have the same",
        explains=_of_relatives,
    ),
    Known(
        where="`weekly` with `--agent claude`",
        theirs="weeks begin on Sunday; on Monday without `claude`",
        ours="weeks begin on Monday",
        why="one week in all reports",
        explains=_sundays,
    ),
    Known(
        where="the present block",
        theirs="floored to the hour, always",
        ours="in the bounds that the provider says, where it says so",
        why="that is the window that is limited",
        explains=_official,
    ),
)

TOKSCALE = (
    Row(
        where="`output`",
        theirs="without reasoning, which is apart",
        ours="with reasoning, which is a part of it",
        why="it is billed as output",
    ),
    Row(
        where="`cost` of cache writes for an hour",
        theirs="the price of five minutes, 1.25 times that of input",
        ours="twice the price of input",
        why="that is the list price",
    ),
    Row(
        where="`cost` of models whose price it does not have built in, without a network",
        theirs="$0",
        ours="priced, or said to have no price",
        why="0 would be a price",
    ),
)
"""Where tokscale comes to something else; test_peers.py has a test for each."""
