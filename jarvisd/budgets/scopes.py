"""Which budget the cost of a session counts for, each found once in a pass over cells."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from jarvisd.base.folder import is_named
from jarvisd.config.budget_settings import BudgetSettings
from jarvisd.core.feature import SessionKey
from jarvisd.core.origin import SessionId
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import Cell
from jarvisd.ledger.rollup import Cost
from jarvisd.ledger.session_totals import Session
from jarvisd.reports.report_params import keys_of_account

Scope = SessionKey | Literal[False] | None
"""The session that has the budget, None if all share it, False if it is not theirs."""


class BudgetScopes:
    """What sessions count for, as it is known during one pass.

    Args:
        ledger: The parents of sessions.
        project_of: The folder of work of a session.
        accounts: The configuration folder of each account, by its key.

    """

    def __init__(
        self,
        ledger: Ledger,
        project_of: Callable[[Session], str | None],
        accounts: Mapping[str, str],
    ) -> None:
        self._ledger = ledger
        self._project_of = project_of
        self._accounts = accounts
        self._keys: dict[str, frozenset[str] | None] = {}
        self._roots: dict[SessionKey, tuple[SessionId, str | None]] = {}
        self._scopes: defaultdict[str, dict[SessionKey, Scope]] = defaultdict(dict)

    def costs(
        self, budget: BudgetSettings, cells: Iterable[Cell]
    ) -> dict[SessionKey | None, Cost]:
        """Return the cost of the *cells* that *budget* is for."""
        if budget.name not in self._keys:
            keys = keys_of_account(budget.account, self._accounts)
            self._keys[budget.name] = keys

        accounts, scopes = self._keys[budget.name], self._scopes[budget.name]
        costs: dict[SessionKey | None, Cost] = {}
        for cell in cells:
            if (
                not cell.responses
                or budget.agent not in {None, cell.agent}
                or budget.branch not in {None, cell.branch}
                or (accounts is not None and cell.account not in accounts)
            ):
                continue

            session = (cell.agent, cell.session_id)
            if session not in scopes:
                scopes[session] = self._scope(budget, session)

            scope = scopes[session]
            if scope is not False:
                micros, unpriced = costs.get(scope, (0, 0))
                costs[scope] = micros + cell.cost_micros, unpriced + cell.unpriced

        return costs

    def _scope(self, budget: BudgetSettings, session: SessionKey) -> Scope:
        by_session = budget.period == "session"
        if not by_session and budget.project is None and budget.session is None:
            return None

        if session not in self._roots:
            self._roots[session] = self._root(*session)

        root, project = self._roots[session]
        if budget.project is not None and not is_named(project, budget.project):
            return False

        if budget.session is not None and not root.startswith(budget.session):
            return False

        return (session[0], root) if by_session else None

    def _root(self, agent: str, session_id: SessionId) -> tuple[SessionId, str | None]:
        """Return the session that a person started, and its project."""
        seen = {session_id}
        session = self._ledger.session(agent, session_id)
        while session is not None and session.parent_session_id is not None:
            parent_id = session.parent_session_id
            parent = self._ledger.session(agent, parent_id)
            if parent is None or parent_id in seen:
                break

            seen.add(parent_id)
            session, session_id = parent, parent_id

        return session_id, None if session is None else self._project_of(session)
