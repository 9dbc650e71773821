"""The answer to `filters.check`: whether an agent and a project are known."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import PurePath

from jarvisd.base.errors import protocol_error
from jarvisd.base.folder import is_named, with_slashes
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.wire import Backfill
from jarvisd.overview.matching import is_in_project, is_session_in
from jarvisd.overview.names_wire import FiltersCheck, FiltersCheckResult
from jarvisd.overview.sessions import Sessions
from jarvisd.segments.wire import CHAT

MAX_SHOWN = 10
"""Projects that an error names: those that were worked in last."""


class FilterCheck:
    """Answers from what the daemon has in memory."""

    def __init__(
        self,
        sessions: Sessions,
        agents: AgentRegistry,
        backfill: Callable[[], Backfill],
    ) -> None:
        self._blocks = sessions.blocks
        self._sessions = sessions
        self._agents = agents
        self._backfill = backfill

    def check(self, params: FiltersCheck) -> FiltersCheckResult:
        """Refuse an agent or a project that is not known.

        Raises:
            ProtocolError: One is not (unknown_agent, unknown_project).

        """
        agents = self._agent_names()
        if params.agent is not None and params.agent not in agents:
            near = get_close_matches(params.agent, agents, n=1)
            hint = (
                f"; did you mean `{near[0]}`?" if near else f", only {_listed(agents)}"
            )
            message = f"no agent `{params.agent}` is known{hint}"
            raise protocol_error("unknown_agent", message)

        if params.project is not None and not self._is_known(params.project):
            raise protocol_error("unknown_project", self._no_project(params.project))

        return FiltersCheckResult()

    def _agent_names(self) -> list[str]:
        """Return the agents that can be read, and those that somebody sends lines of."""
        signalled = {agent for agent, _ in self._sessions.states.sessions()}
        kept = {each.agent for each in self._sessions.ledger.sessions()}
        return sorted(
            {*self._agents.names, CHAT, *self._blocks.totals, *signalled, *kept}
        )

    def _is_known(self, project: str) -> bool:
        return (
            is_reading(self._backfill())
            or any(is_in_project(each, project) for each in self._blocks)
            or any(is_session_in(each, project) for each in self._sessions.entries())
            or any(is_named(each, project) for each in self._signalled_folders())
        )

    def _signalled_folders(self) -> Iterator[str | None]:
        """Yield the folders of sessions that are known from signals alone."""
        states = self._sessions.states
        return (states.origin_of(key)[1] for key in states.sessions())

    def _no_project(self, project: str) -> str:
        newest = sorted(
            self._blocks, key=lambda each: each.last_activity_ms or 0, reverse=True
        )
        places = (each.origin.project or each.origin.cwd for each in newest)
        known = list(
            dict.fromkeys(
                PurePath(with_slashes(each)).name or each for each in places if each
            )
        )
        if not known:
            return f"no project `{project}` is known, nor any other"

        more = ", ..." if len(known) > MAX_SHOWN else ""
        return (
            f"no project `{project}` is known, only {_listed(known[:MAX_SHOWN])}{more}"
        )


def is_reading(backfill: Backfill) -> bool:
    """Whether logs are searched for or read for the first time."""
    return backfill.scanning or backfill.files_done < backfill.files_total


def _listed(names: list[str]) -> str:
    return ", ".join(names)
