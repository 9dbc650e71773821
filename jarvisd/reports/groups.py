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


@dataclass(slots=True)
class Group:
    """What goes into one row; *agent* only where rows are of one agent each."""

    key: str | None
    agent: str | None = None
    agents: set[str] = field(default_factory=set)
    sessions: set[SessionKey] = field(default_factory=set)
    _numbers: dict[str | None, list[Numbers]] = field(default_factory=dict)
    _models: Models | None = None

    def add(self, part: UsageSlice, models: Models | None = None) -> None:
        """Add *part*, or only *models* of it."""
        self.agents.add(part.agent)
        self.sessions.update(part.sessions)
        for model, numbers in (part.models if models is None else models).items():
            self._numbers.setdefault(model, []).append(numbers)

    @property
    def models(self) -> Models:
        """Return the sums of each model; nothing must be added after that."""
        if self._models is None:
            self._models = {model: added(each) for model, each in self._numbers.items()}

        return self._models

    @property
    def sum(self) -> Numbers:
        """Return the sums of all groups; nothing must be added after that."""
        return added(list(self.models.values()))

    def row(self) -> UsageRow:
        """Return the row as frontends see it, without what is known of a session."""
        numbers = self.sum
        models = [_model(*each) for each in self.models.items()]
        return UsageRow(
            key=self.key,
            agent=self.agent,
            agents=sorted(self.agents),
            sessions=len(self.sessions),
            tokens=tokens_of(numbers),
            cost_micros=numbers[COST],
            unpriced=numbers[UNPRICED],
            responses=numbers[RESPONSES],
            web_searches=numbers[WEB_SEARCHES],
            models=sorted(models, key=_dearest_first),
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
