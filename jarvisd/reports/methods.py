"""Answers of `report.*`: usage from memory, windows and tools with the store's help."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import anyio

from jarvisd.base.clock import Clock
from jarvisd.base.errors import ProtocolError
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.paging import page, place_at
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.block import Block
from jarvisd.core.origin import SessionId
from jarvisd.core.publisher import Flushed
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.session_totals import Session
from jarvisd.reports.account_methods import Accounts, window_place
from jarvisd.reports.attention_methods import AttentionReport
from jarvisd.reports.attention_wire import ReportAttention, ReportAttentionResult
from jarvisd.reports.awake import Awake
from jarvisd.reports.explain_methods import explain
from jarvisd.reports.families import SessionFacts
from jarvisd.reports.report_params import zone_of
from jarvisd.reports.tool_methods import ToolsReport
from jarvisd.reports.turn_taking import finish
from jarvisd.reports.usage_answers import UsageAnswers
from jarvisd.reports.wire import (
    AttributionImport,
    AttributionImportResult,
    ReportTools,
    ReportToolsResult,
    ReportUsage,
    ReportWindows,
    SessionsExplain,
    SessionsExplainResult,
)
from jarvisd.state.engine import StateEngine
from jarvisd.state.journal import Journal

MANY_DAYS = 8
"""Days added up at once that are history, of which nothing will change for long."""

READY_S = 0.5
"""Pause after the start or a flush, when other work is more urgent."""


class Reports:
    """Answers reports.

    Args:
        ledger: Usage and sessions.
        states: The states of sessions now.
        journal: Transitions that are not stored yet.
        awake: The time in which nothing can have been missed.
        agents: The agents that can be read.
        store: What is stored.
        clock: The time of reports.
        project_of: Returns the folder of work of a session.
        revision: Returns the number of flushes ever committed.
        is_complete: Returns whether all history has been read.
        accounts: Returns the configuration folder of each account, by its key.

    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        states: StateEngine,
        journal: Journal,
        awake: Awake,
        agents: AgentRegistry,
        store: ReadableStore,
        clock: Clock,
        project_of: Callable[[Session], str | None],
        revision: Callable[[], int],
        is_complete: Callable[[], bool],
        accounts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._ledger = ledger
        self._agents = agents
        self._store = store
        self._clock = clock
        self._project_of = project_of
        self._revision = revision
        self._is_complete = is_complete
        self._attention = AttentionReport(
            states=states,
            journal=journal,
            awake=awake,
            store=store,
            clock=clock,
            facts=self._facts,
            revision=revision,
        )
        self._usage = UsageAnswers(
            ledger,
            self._facts,
            revision=revision,
            is_complete=is_complete,
            accounts=accounts,
        )
        self._accounts = Accounts(ledger, store)
        self._tools = ToolsReport(ledger, store, project_of)
        self._flushed = anyio.Event()

    def flushed(self, _: Flushed) -> None:
        """Record that something was stored."""
        self._accounts.flushed()
        self._flushed.set()

    async def keep_ready(
        self, tz: str, keep: Callable[[], None] = lambda: None
    ) -> None:
        """Sum past days of the zone *tz* and windows as they change, until cancelled.

        The first report then waits for today only: with a gigabyte of history a tenth
        of a second less. During the initial import the sums would be stale at once.
        *keep* is called when much has been added up, which stays.
        """
        try:
            zone = zone_of(tz)
        except ProtocolError:  # a zone that does not exist: nobody can request it
            return

        while True:
            await self._clock.sleep_until(self._clock.monotonic() + READY_S)
            if not self._is_complete():
                continue

            self._flushed = anyio.Event()
            added_up = await finish(self._usage.add_up(tz, zone, self._clock.unix_ms()))
            await self._accounts.sum_up_past(self._clock.unix_ms())
            if added_up >= MANY_DAYS:
                keep()

            await self._flushed.wait()

    def usage(self, asked: ReportUsage) -> bytes | Iterator[bytes]:
        """Return usage, in steps or as it was given before.

        Raises:
            ProtocolError: There is no such time zone or date.

        """
        return self._usage.usage(asked)

    async def explain(
        self, asked: SessionsExplain, session: Session, blocks: Sequence[Block]
    ) -> SessionsExplainResult:
        """Return how each line of *session*, in *blocks*, was counted."""
        agent = self._agents.named(session.agent)
        return await explain(asked, session, blocks, agent, self._store)

    async def windows(self, asked: ReportWindows) -> Iterator[bytes]:
        """Return windows, rates and limits, in steps.

        Raises:
            ProtocolError: There is no such time zone or date.

        """
        after = place_at(asked.after, numbers=1, names=1)
        now_ms = self._clock.unix_ms()
        found = await self._accounts.view(asked, now_ms)
        head = {
            "revision": self._revision(),
            "now_ms": now_ms,
            "complete": self._is_complete(),
            "rates": found.rates,
            "limits": found.limits,
        }
        rows = found.windows
        return page(
            encode_safe(head)[:-1] + b',"windows":[',
            (x for x in rows if after is None or window_place(x) > after),
            limit=asked.limit,
            view=lambda row: row,
            place_of=window_place,
        )

    async def attention(self, asked: ReportAttention) -> ReportAttentionResult:
        """Return how long sessions waited for a person, and worked."""
        return await self._attention.answer(asked)

    async def tools(self, asked: ReportTools) -> ReportToolsResult:
        """Return the usage of tools.

        Raises:
            ProtocolError: There is no such time zone or date.

        """
        rows = await self._tools.rows(asked, self._clock.unix_ms())
        return ReportToolsResult(
            revision=self._revision(),
            tz=asked.tz,
            complete=self._is_complete(),
            rows=rows,
        )

    async def attribute(self, asked: AttributionImport) -> AttributionImportResult:
        """Replace the attributions."""
        return await self._tools.attribute(asked)

    def _facts(self, agent: str, session_id: SessionId) -> SessionFacts:
        """Return the facts of a session; its project is that of its root."""
        own = self._ledger.session(agent, session_id)
        if own is None:
            return SessionFacts(session_id)

        root = own
        if own.parent_session_id is not None:
            seen = {session_id}
            while root.parent_session_id is not None:
                parent = self._ledger.session(agent, root.parent_session_id)
                if parent is None or parent.session_id in seen:
                    break

                seen.add(parent.session_id)
                root = parent

        return SessionFacts(
            root.session_id,
            project=self._project_of(root),
            title=None if own.title is None else own.title[2],
            started_ms=own.spans.first_ms,
            last_ms=own.spans.last_ms,
        )
