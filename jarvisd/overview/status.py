"""The whole picture: made from the totals, kept until something changes."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import jarvisd
from jarvisd.base.clock import Clock, midnight_ms
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.session_words import OVER
from jarvisd.core.block import LIVE_MS, Block
from jarvisd.core.block_registry import AgentTotals
from jarvisd.core.origin import CHARS_PER_TOKEN
from jarvisd.core.wire import Backfill
from jarvisd.ledger.rollup import Spent
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.wire import AgentStatus, StatusResult

MAX_NEWEST = 20
DAY_MS = 86_400_000
NOTHING = Spent()
MAX_AGE_S = 1.0
"""Blocks grow quiet, rates fall and troubles end without a change of any block."""

MAX_KEPT_S = 60.0
"""A picture that holds is renewed after this: days end, and clocks are set right."""


class ReadingState(Protocol):
    """How far reading and storing are; from memory."""

    @property
    def revision(self) -> int:
        """The number of flushes ever committed."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether something is not stored, or not seen as fast as it should be."""
        ...

    def backfill(self) -> Backfill:
        """Return how far the first reading of history has come."""
        ...


@dataclass(slots=True)
class StatusBoard:
    """Answers `status`, the question that is asked most."""

    sessions: Sessions
    clock: Clock
    reading: ReadingState
    _key: tuple[int, int, int] | None = field(default=None, init=False)
    _made_at: float = field(default=0.0, init=False)
    _result: StatusResult | None = field(default=None, init=False)
    _encoded: bytes | None = field(default=None, init=False)
    _live: list[Block] = field(default_factory=list, init=False)
    _quiet_ms: float | None = field(default=None, init=False)
    """When the first block of the picture grows quiet, once somebody has asked."""

    def result(self) -> StatusResult:
        """Return the picture as it is now."""
        now, key = self.clock.monotonic(), self._now_key()
        if self._result is None or key != self._key or now - self._made_at >= MAX_AGE_S:
            self._key, self._made_at = key, now
            self._result, self._encoded = self._make(), None

        return self._result

    def holds(self, picture: StatusResult | None) -> bool:
        """Whether nothing but time and rates has changed since *picture* was made.

        Then a new one would show the same, at a hundred times the cost.
        """
        if picture is None or picture is not self._result:
            return False

        return (
            self._key == self._now_key()
            and self.clock.monotonic() - self._made_at < MAX_KEPT_S
            and picture.degraded == self.reading.degraded
            and picture.backfill == self.reading.backfill()
            and picture.now_ms <= self.clock.unix_ms() < self._first_quiet_ms()
        )

    def encoded(self) -> bytes:
        """Return the picture as JSON."""
        result = self.result()
        if self._encoded is None:
            self._encoded = encode_safe(result)

        return self._encoded

    def _now_key(self) -> tuple[int, int, int]:
        return (
            self.sessions.blocks.changes,
            self.reading.revision,
            self.sessions.states.version,
        )

    def _first_quiet_ms(self) -> float:
        if self._quiet_ms is None:
            last = (each.last_activity_ms or 0 for each in self._live)
            self._quiet_ms = min(last, default=math.inf) + LIVE_MS

        return self._quiet_ms

    def _make(self) -> StatusResult:
        now_ms, self._quiet_ms = self.clock.unix_ms(), None
        totals = sorted(
            self.sessions.blocks.totals.values(), key=lambda each: each.agent
        )
        live = self._live = self.sessions.blocks.live(now_ms)
        live_of = Counter(block.origin.agent for block in live)
        spent = self._spent_today(now_ms)
        counts = self.sessions.states.counts()
        return StatusResult(
            version=jarvisd.__version__,
            now_ms=now_ms,
            revision=self.reading.revision,
            blocks=len(self.sessions.blocks),
            live=len(live),
            line_count=sum(each.line_count for each in totals),
            token_estimate=_tokens(sum(each.char_count for each in totals)),
            last_activity_ms=max(
                (each.last_activity_ms for each in totals if each.last_activity_ms),
                default=None,
            ),
            agents=[
                _agent(each, live_of[each.agent], spent.get(each.agent, NOTHING))
                for each in totals
            ],
            newest=[
                self.sessions.block_view(block, now_ms) for block in live[:MAX_NEWEST]
            ],
            backfill=self.reading.backfill(),
            degraded=self.reading.degraded,
            today_tokens=sum(each.tokens for each in spent.values()),
            today_cost_micros=sum(each.cost_micros for each in spent.values()),
            today_unpriced=sum(each.unpriced for each in spent.values()),
            states={
                state.value: number
                for state, number in counts.states.items()
                if state not in OVER
            },
            need=counts.need,
        )

    def _spent_today(self, now_ms: int) -> dict[str, Spent]:
        rollup = self.sessions.ledger.rollup
        return rollup.spent(midnight_ms(now_ms), now_ms + DAY_MS)


def _agent(totals: AgentTotals, live: int, spent: Spent) -> AgentStatus:
    return AgentStatus(
        agent=totals.agent,
        blocks=totals.blocks,
        live=live,
        line_count=totals.line_count,
        token_estimate=_tokens(totals.char_count),
        last_activity_ms=totals.last_activity_ms,
        today_tokens=spent.tokens,
        today_cost_micros=spent.cost_micros,
        today_unpriced=spent.unpriced,
    )


def _tokens(chars: int) -> int:
    return chars // CHARS_PER_TOKEN
