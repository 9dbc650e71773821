"""Slices that go into one row of a report, and the row."""

from dataclasses import dataclass, field

from jarvisd.core.feature import SessionKey
from jarvisd.reports.model import ModelUsage, UsageRow
from jarvisd.reports.slices import (
    COST,
    RESPONSES,
    UNPRICED,
    WEB_SEARCHES,
    Models,
    Numbers,
    UsageSlice,
    added,
    tokens_of,
)

MAX_APART = 16
"""Numbers to keep apart: adding up some at once is quicker than one by one, and adding up
thousands at the end would be one long step."""


@dataclass(slots=True)
class Group:
    """What goes into one row; *agent* and *project* only where rows are of one each.

    *first_ms* and *last_ms* are the times of its sessions, as far as it met them.
    """

    key: str | None
    agent: str | None = None
    project: str | None = None
    agents: set[str] = field(default_factory=set)
    sessions: set[SessionKey] = field(default_factory=set)
    first_ms: int | None = None
    last_ms: int | None = None
    _numbers: dict[str | None, list[Numbers]] = field(default_factory=dict)

    def add(self, part: UsageSlice, models: Models | None = None) -> None:
        """Add *part*, or only *models* of it."""
        self.agents.add(part.agent)
        self.sessions.update(part.sessions)
        for model, numbers in (part.models if models is None else models).items():
            apart = self._numbers.get(model)
            if apart is None:
                self._numbers[model] = [numbers]
            else:
                apart.append(numbers)
                if len(apart) > MAX_APART:
                    apart[:] = [added(apart)]

    def meet(self, first_ms: int | None, last_ms: int | None) -> None:
        """Widen the times to those of one more session."""
        if first_ms is not None and (self.first_ms is None or first_ms < self.first_ms):
            self.first_ms = first_ms

        if last_ms is not None and (self.last_ms is None or last_ms > self.last_ms):
            self.last_ms = last_ms

    @property
    def sum(self) -> Numbers:
        """Return the sums of all that was added."""
        return added([each for apart in self._numbers.values() for each in apart])

    def row(self) -> UsageRow:
        """Return the row as frontends see it, without what is known of a session."""
        numbers = self.sum
        models = [_model(name, added(each)) for name, each in self._numbers.items()]
        return UsageRow(
            key=self.key,
            agent=self.agent,
            project=self.project,
            agents=sorted(self.agents),
            sessions=len(self.sessions),
            tokens=tokens_of(numbers),
            cost_micros=numbers[COST],
            unpriced=numbers[UNPRICED],
            responses=numbers[RESPONSES],
            web_searches=numbers[WEB_SEARCHES],
            models=sorted(models, key=_dearest_first) if len(models) > 1 else models,
        )


def _model(model: str | None, numbers: Numbers) -> ModelUsage:
    return ModelUsage(
        model=model,
        tokens=tokens_of(numbers),
        cost_micros=numbers[COST],
        unpriced=numbers[UNPRICED],
        responses=numbers[RESPONSES],
    )


def _dearest_first(model: ModelUsage) -> tuple[int, int, str]:
    return -model.cost_micros, -model.tokens.total, model.model or ""
