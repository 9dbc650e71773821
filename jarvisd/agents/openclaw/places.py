"""Where OpenClaw keeps its sessions, and what their names say.

Below ROOT/agents a folder for each of its agents, with

    agent/openclaw-agent.sqlite    a database with all of its sessions
    sessions/SESSION.jsonl         a session, of versions before the middle of 2026
    sessions/SESSION.jsonl.reset.STAMP, .deleted.STAMP, .full.bak    copies of it

ROOT is ~/.openclaw, or a folder of one of its former names.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import (
    account_key,
    distinct,
    listed,
    without_conflict,
)
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_FOLDER = "agents"
_DATABASE = "openclaw-agent.sqlite"
_ROOTS = (".openclaw", ".clawdbot", ".moltbot", ".moldbot")
_SESSION = re.compile(
    r"([0-9A-Za-z][^/]*?)\.jsonl(?:\.(?:deleted|reset)\.[^/]+|\.full\.bak)?"
)


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = (
        listed(environ, "OPENCLAW_STATE_DIR", home)
        or listed(environ, "CLAWDBOT_STATE_DIR", home)
        or tuple(_home(environ, home) / each for each in _ROOTS)
    )
    roots = distinct(
        each if each.name == _FOLDER else each / _FOLDER for each in (*own, *configured)
    )
    return tuple(
        Tree(agent="openclaw", root=root, place=place, enters=enters) for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the kind of the source at *parts*, below a folder of agents."""
    match parts:
        case (_, "agent", name) if name == _DATABASE:
            return Place(kind=_KIND)
        case (_, "sessions", name):
            found = _SESSION.fullmatch(name)
            if found is None:
                return None

            return Place(session_id=SessionId(without_conflict(found[1])))
        case _:
            return None


def account(path: str) -> str | None:
    """Return the key of the account whose session is at *path*."""
    parts = path.split("/")
    for index in range(len(parts) - 1, 0, -1):
        if parts[index] == _FOLDER and place(tuple(parts[index + 1 :])) is not None:
            return account_key("/".join(parts[:index]))

    return None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether sessions may lie in the folder *parts* or deeper."""
    return len(parts) < 2 or (len(parts) == 2 and parts[1] in {"agent", "sessions"})


def _home(environ: Mapping[str, str], home: Path) -> Path:
    chosen = listed(environ, "OPENCLAW_HOME", home)
    return chosen[0] if chosen else home


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents.openclaw.queries import QUERIES  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.sqlite.database_source import (  # noqa: PLC0415 - loaded at first use
        DatabaseSource,
    )

    return DatabaseSource(path, QUERIES, clock, cursor)


_KIND = SourceKind(open=_open, beside=("-wal", "-journal"))
