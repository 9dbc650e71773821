"""What is expected of each agent's recordings, and what their logs cannot hold.

One module for each agent, called as the agent is, with `EXPECTED`: all exceptions of
this agent from what the wire says (`gaps`) and from the phases of its replays
(`phases`), each with its reason, and how its databases and documents grew (`growth`).
An agent without a module has no exception.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from sqlite3 import Connection
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One thing that is on the wire and not in the agent's log.

    Attributes:
        reason: Why, for people.
        runs: Which runs it is about, as a pattern of `corpus/SCENARIO`.
        kinds: Kinds of requests, as truth files call them, that are in no log.
        aborted: A response whose stream was cut is in no log.
        aborted_output: The output tokens that are logged of a response whose stream was
            cut, with its whole prompt.
        figures: Token counts that no record has; they are expected to be 0.
        less: Amounts that are missing for yet another reason, by figure; `calls`,
            `prompts` and `errors` are figures, too.
        instead: What the log has in place of what was sent, by figure: estimates of
            the agent, as a person read them in the recorded log.
        tools: Tools whose calls are in no log, or the ids of such calls.
        outcomes: Tools of whose calls the log does not tell whether they failed.
        renamed: Tools by their names on the wire, or calls by their ids -> by the names
            of the tools in the log.
        models: Models by their names on the wire -> by their names in the log.
        unknown: Subjects that cannot be compared at all: `sessions`, `subagents`,
            `models`, `prompts`, `calls` or `errors`.

    """

    reason: str
    runs: str = "*"
    kinds: tuple[str, ...] = ()
    aborted: bool = False
    aborted_output: int | None = None
    figures: tuple[str, ...] = ()
    less: Mapping[str, int] = field(default_factory=dict)
    instead: Mapping[str, int] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


Transactions = Callable[[Connection], Iterable[list[tuple[str, tuple[Any, ...]]]]]
"""A recorded database -> the statements of each transaction that filled it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How the documents and databases of an agent came to be what they are.

    Attributes:
        aside: Documents are written aside and renamed, not written over.
        order: By table of a database, an SQL expression for when a row was written: any
            number that is comparable over all tables. Rows for which it is null, and
            tables without one, are written first. If no table has one, the rows of each
            are spread evenly, in the order of their rowids.
        counters: By table, columns that change in place; they are 0 until the end.
        transactions: The statements of each transaction, of a database with a log of
            its own changes.
        replayed: The tables that these fill; the others are filled before.

    """

    aside: bool = False
    order: Mapping[str, str] = field(default_factory=dict)
    counters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    transactions: Transactions | None = None
    replayed: frozenset[str] = frozenset()


ReplayItems = Callable[[bytes], Iterable[bytes]]
"""A line of a replay's transcript -> the items that its reader knows."""


def same_line(line: bytes) -> Iterable[bytes]:
    """Return *line* as it is: the transcript is the agent's own file."""
    return (line,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Everything of one agent.

    Attributes:
        recorded_as: The folders of its recordings, if they are not called as it is.
        replayed_as: The folder of its replays.
        roots: Folders of a recording's home that the configuration has to name.
        gaps: What its logs cannot hold.
        growth: How its files grew.
        replay_items: How the items of its replays are made of their lines.
        phases: (scenario, recording) -> phases that the recorded data cannot show, with
            the reasons.
        approvals: The replays in which somebody was asked for leave, and it is known.

    """

    recorded_as: tuple[str, ...] = ()
    replayed_as: str = ""
    roots: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    growth: Growth = Growth()
    replay_items: ReplayItems = same_line
    phases: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    approvals: frozenset[tuple[str, str]] = frozenset()


def expected_of(agent: str) -> Expected:
    """Return the expectations of *agent*."""
    name = f"{__name__}.{agent}"
    if find_spec(name) is None:
        return Expected()

    found: Expected = import_module(name).EXPECTED
    return found
