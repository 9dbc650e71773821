"""The answer to `filters.check`: whether an agent and a project are known."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import PurePath

from jarvisd.base.errors import protocol_error
from jarvisd.base.folder import is_named, with_slashes
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.work_in_turns import PAUSE, InTurns, any_of, with_turns
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

    def check(self, params: FiltersCheck) -> Iterator[bytes]:
        """Refuse an agent or a project that is not known, in steps.

        Raises:
            ProtocolError: One is not (unknown_agent, unknown_project).

        """
        agents = yield from self._agent_names()
        if params.agent is not None and params.agent not in agents:
            near = get_close_matches(params.agent, agents, n=1)
            hint = (
                f"; did you mean `{near[0]}`?" if near else f", only {_listed(agents)}"
            )
            message = f"no agent `{params.agent}` is known{hint}"
            raise protocol_error("unknown_agent", message)

        if params.project is not None:
            is_known = yield from self._is_known(params.project)
            if not is_known:
                message = yield from self._no_project(params.project)
                raise protocol_error("unknown_project", message)

        yield encode_safe(FiltersCheckResult())

    def _agent_names(self) -> InTurns[list[str]]:
        """Return the agents that can be read, and those that somebody sends lines of."""
        names = {*self._agents.names, CHAT, *self._blocks.totals}
        names.update(agent for agent, _ in self._sessions.states.sessions())
        for session in with_turns(self._sessions.ledger.sessions()):
            if session is None:
                yield PAUSE
            else:
                names.add(session.agent)

        return sorted(names)

    def _is_known(self, project: str) -> InTurns[bool]:
        if is_reading(self._backfill()):
            return True

        entry, states = self._sessions.entry, self._sessions.states
        return (
            (
                yield from any_of(
                    with_turns(self._blocks), lambda each: is_in_project(each, project)
                )
            )
            or (
                yield from any_of(
                    with_turns(self._sessions.ledger.sessions()),
                    lambda each: is_session_in(entry(each), project),
                )
            )
            or (
                yield from any_of(
                    with_turns(states.sessions()),
                    lambda key: is_named(states.origin_of(key)[1], project),
                )
            )
        )

    def _no_project(self, project: str) -> InTurns[str]:
        found: dict[str, None] = {}
        for each in self._blocks.newest_first():
            if each is None:
                yield PAUSE
                continue

            place = each.origin.project or each.origin.cwd
            if place:
                found[PurePath(with_slashes(place)).name or place] = None

            if len(found) > MAX_SHOWN:
                break

        known = list(found)
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
