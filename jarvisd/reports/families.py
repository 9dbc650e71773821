"""Rows of a report by session: a session that a person started, and its subagents.

There may be a row for each of thousands of sessions, and most have one slice. So until a
row is wanted nothing is made for it but its place.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from jarvisd.base.paging import Place
from jarvisd.base.work_in_turns import PAUSE, InTurns
from jarvisd.core.origin import SessionId
from jarvisd.reports.groups import Group
from jarvisd.reports.model import UsageRow
from jarvisd.reports.slices import COST, Numbers, UsageSlice, added, tokens_of

SLICES: Final = 64
"""Slices to look at in one step."""


class SessionFacts(msgspec.Struct, frozen=True, gc=False):
    """Facts about one session, of which there are thousands in one answer.

    *root* is the session that a person started and of which this one is a subagent, at
    any depth; of a session without a parent, itself. *project* is a folder.
    """

    root: SessionId
    project: str | None = None
    title: str | None = None
    started_ms: int | None = None
    last_ms: int | None = None


FactsOf = Callable[[str, SessionId], SessionFacts]
"""(agent, session) -> its facts."""


Family = tuple[SessionId, str]
"""The session that a person started, and its agent."""


@dataclass(slots=True)
class Families:
    """The slices of each family, the first apart from more, and the facts of its root.

    Few containers: the garbage collector looks at each of thousands again and again.
    """

    _facts: FactsOf
    _first: dict[Family, UsageSlice] = field(default_factory=dict)
    _more: dict[Family, list[UsageSlice]] = field(default_factory=dict)
    _roots: dict[Family, SessionFacts] = field(default_factory=dict)

    def add(self, slices: list[UsageSlice]) -> InTurns[None]:
        """Add *slices*, each of one session, in turns."""
        for index, part in enumerate(slices):
            if index % SLICES == SLICES - 1:
                yield PAUSE

            ((agent, session_id),) = part.sessions
            own = self._facts(agent, session_id)
            family = own.root, agent
            if own.root == session_id:
                self._roots[family] = own

            if family not in self._first:
                self._first[family] = part
            else:
                self._more.setdefault(family, []).append(part)

    def placed(self) -> InTurns[list[tuple[Place, Family]]]:
        """Return all families, each with its place by cost; in turns."""
        found: list[tuple[Place, Family]] = []
        for family, first in self._first.items():
            parts = [first, *self._more.get(family, ())]
            numbers = added([each for part in parts for each in part.models.values()])
            found.append((by_cost(numbers, family), family))
            if len(found) % SLICES == 0:
                yield PAUSE

        return found

    def row(self, family: Family) -> UsageRow:
        """Return the row of *family*."""
        root, agent = family
        own = self._roots.get(family)
        if own is None:  # nothing was spent by the root itself
            own = self._facts(agent, root)

        group = Group(root, agent)
        group.meet(own.started_ms, own.last_ms)
        for part in (self._first[family], *self._more.get(family, ())):
            group.add(part)
            ((_, session_id),) = part.sessions
            if session_id != root:
                other = self._facts(agent, session_id)
                group.meet(other.started_ms, other.last_ms)

        row = group.row()
        row.project, row.title = own.project, own.title
        row.started_ms, row.last_activity_ms = group.first_ms, group.last_ms
        return row


def facts_of(part: UsageSlice, facts: FactsOf) -> SessionFacts:
    """Return the facts of the session that *part* is of."""
    (session,) = part.sessions
    return facts(*session)


def by_cost(numbers: Numbers, names: tuple[str, str]) -> Place:
    """Return a unique place, the most expensive first, so that paging returns each once."""
    return -numbers[COST], -tokens_of(numbers).total, *names
