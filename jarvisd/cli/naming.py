"""Things that a command line names: one way to name a session or a block, everywhere.

A name is the id of a block or session or its beginning, a project, words of a title,
`@next` (the first of `jarvisctl next`) or `@latest` (the one with the newest line).
"""

import sys
from collections import Counter

from jarvisd.base.errors import EXIT_NO_SUCH_BLOCK, JarvisError
from jarvisd.base.ids import BlockId, SessionId
from jarvisd.cli import wall_clock
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names, state_words, terminal
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.titles import Named, Titles
from jarvisd.overview.names_wire import Meant, NamesResolve, NamesResolveResult
from jarvisd.state.wire import StatesList, StatesListResult

NEXT = "@next"
HELP = "an id or its beginning, a project, words of a title, @next or @latest"

_COLUMNS = [
    Column(title="ID"),
    Column(title="AGENT", rank=2),
    Column(title="PROJECT", least=8, rank=1),
    Column(title="TITLE", least=12),
    Column(title="ACTIVE", right=True, rank=3),
]
_MAX_WIDTH = 100


class UnknownNameError(JarvisError):
    """Nothing has this name."""

    code = "unknown_name"
    exit_status = EXIT_NO_SUCH_BLOCK


class AmbiguousNameError(JarvisError):
    """Several have this name, and the message lists them."""

    code = "ambiguous_name"
    exit_status = EXIT_NO_SUCH_BLOCK


def resolve(client: Client, name: str, *, strictly: bool = False) -> Meant:
    """Return the sessions and blocks that *name* may mean.

    Of several with a project or words, the only one that is not over is meant, unless
    *strictly*.

    Raises:
        UnknownNameError: Nothing.
        AmbiguousNameError: More than one thing.

    """
    agent = None
    if name == NEXT:
        agent, name = _next(client)

    answer = client.call(NamesResolve(name=name), NamesResolveResult)
    found = [each for each in answer.meant if agent in {None, each.agent}]
    if not found:
        raise UnknownNameError(_nothing(name, is_complete=answer.complete))

    is_only = answer.total == 1 or agent is not None
    is_only_open = not found[0].is_over and (len(found) == 1 or found[1].is_over)
    is_exact = strictly or answer.by == "id"
    if is_only or (is_only_open and not is_exact):
        return found[0]

    raise AmbiguousNameError(_several(client, name, answer))


def session_of(found: Meant, name: str) -> SessionId:
    """Return the session that was found by *name*.

    Raises:
        UnknownNameError: It is a block of no session.

    """
    if found.session_id is None:
        raise UnknownNameError(
            f"`{name}` is a block of plain output, which has no session"
        )

    return found.session_id


def block_of(found: Meant, name: str) -> BlockId:
    """Return the block that was found by *name*.

    Raises:
        UnknownNameError: No line of that session has been read.

    """
    if found.block_id is None:
        raise UnknownNameError(
            f"`{name}` is a session that only hooks have told of: it has no line yet"
        )

    return found.block_id


def _next(client: Client) -> tuple[str, SessionId]:
    found = state_words.in_need(client.call(StatesList(), StatesListResult).sessions)
    if not found:
        raise UnknownNameError(state_words.NOBODY)

    return found[0].agent, found[0].session_id


def _nothing(name: str, *, is_complete: bool) -> str:
    sofar = "" if is_complete else " so far; logs are still being read"
    return (
        f"nothing is called `{name}`{sofar}: no id begins with it, no project ends with "
        "it, and no title has these words. `jarvisctl ps --all` lists what there is."
    )


def _several(client: Client, name: str, answer: NamesResolveResult) -> str:
    titles, now_ms = Titles(), wall_clock.unix_ms()
    named = [_named(each) for each in answer.meant]
    titles.learn(client.call, named)
    ids = _ids(answer.meant)
    titles.learn_ids(client.call, ids)
    rows = [
        [
            TableCell(titles.short(id_)),
            TableCell(each.agent),
            TableCell(project_names.short(each.project) or fmt.ABSENT),
            TableCell(titles.of(known)),
            TableCell(fmt.ago(each.last_activity_ms, now_ms)),
        ]
        for each, id_, known in zip(answer.meant, ids, named, strict=True)
    ]
    room = min(_MAX_WIDTH, terminal.columns_of(sys.stderr) or _MAX_WIDTH)
    table = render(_COLUMNS, rows, room=room, colour=False)
    more = answer.total - len(rows)
    return "\n".join(
        [
            f"`{name}` may mean {answer.total} things; name one by its id:",
            *table,
            *([f"and {more} more"] if more else []),
        ]
    )


def _named(meant: Meant) -> Named:
    return Named(
        meant.agent,
        meant.session_id,
        meant.title,
        meant.project,
        is_subagent=meant.parent_session_id is not None,
    )


def _ids(meant: list[Meant]) -> list[str]:
    """Return distinct ids of *meant*: of sessions, or of blocks of the same one."""
    counted = Counter(each.session_id for each in meant)
    return [
        (counted[each.session_id] == 1 and each.session_id) or each.block_id or ""
        for each in meant
    ]
