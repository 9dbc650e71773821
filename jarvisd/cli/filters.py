"""Filters of the command line, checked against what the daemon knows before they are used.

A typing error would look like nothing: nobody in need, nothing spent.
"""

from jarvisd.base.errors import ProtocolError
from jarvisd.cli.client_failures import METHOD_NOT_FOUND
from jarvisd.cli.output.titles import Ask
from jarvisd.overview.names_wire import FiltersCheck, FiltersCheckResult


def check(ask: Ask, *, agent: str | None = None, project: str | None = None) -> None:
    """Refuse an *agent* or a *project* of which nothing is known.

    Raises:
        ProtocolError: One is not known; the message names those that are.

    """
    if agent is None and project is None:
        return

    try:
        ask(FiltersCheck(agent=agent, project=project), FiltersCheckResult)
    except ProtocolError as exc:
        if exc.number != METHOD_NOT_FOUND:  # a daemon of before has no such method
            raise
