"""Where pi and oh-my-pi keep their sessions, and what their names say.

Below ROOT/sessions a folder for each working folder, or none where the folder of
sessions was chosen by hand. In it

    STAMP_SESSION.jsonl                    a session; STAMP is when it was made
    STAMP_SESSION/AGENT.jsonl              a subagent of it, of oh-my-pi
    STAMP_SESSION/AGENT/AGENT.jsonl        one that a subagent started

ROOT is ~/.pi/agent and ~/.omp/agent; oh-my-pi has profiles beside, in
~/.omp/profiles/NAME/agent, and leaves out the `agent` below XDG_DATA_HOME/omp.
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
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, Tree

_FOLDER = "sessions"
_SUFFIX = ".jsonl"
_SESSION = re.compile(r"\d{4}-\d\d-\d\dT[\d-]{8,15}Z?_([0-9A-Za-z][0-9A-Za-z._-]*)")
_MAX_DEPTH = 8
_ABOVE = {"agent", "profiles"}
"""Folders above that of the sessions."""


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agents' own, then *configured*."""
    roots = distinct((*own_roots(environ, home), *configured))
    return tuple(
        Tree(agent="pi", root=root, place=place, enters=enters) for root in roots
    )


def own_roots(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Return the folders of sessions: the user's choice, and the usual ones."""
    chosen = listed(environ, "PI_CODING_AGENT_SESSION_DIR", home)
    agents = listed(environ, "PI_CODING_AGENT_DIR", home)
    omp = home / (environ.get("PI_CONFIG_DIR") or ".omp")
    data = listed(environ, "XDG_DATA_HOME", home)
    return (
        *chosen,
        *(each / _FOLDER for each in agents or (home / ".pi/agent",)),
        omp / "agent" / _FOLDER,
        omp / "profiles",
        *(each / "omp" / name for each in data for name in (_FOLDER, "profiles")),
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a root."""
    *folders, name = _below_sessions(parts) or ("",)
    if not name.endswith(_SUFFIX):
        return None

    stem = without_conflict(name.removesuffix(_SUFFIX))
    for index, folder in enumerate(folders[:2]):
        parent = _SESSION.fullmatch(folder)
        if parent is not None:
            above = "/".join((parent[1], *folders[index + 1 :]))
            return Place(
                session_id=SessionId(f"{above}/{stem}"),
                parent_session_id=SessionId(above),
            )

    session = _SESSION.fullmatch(stem)
    if session is None or len(folders) > 1:
        return None

    return Place(session_id=SessionId(session[1]))


def account(path: str) -> str | None:
    """Return the key of the account whose session is at *path*."""
    parts = path.split("/")
    for index in range(len(parts) - 1, 0, -1):
        if parts[index] == _FOLDER and place(tuple(parts[index + 1 :])) is not None:
            return account_key("/".join(parts[:index]))

    return None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether sessions may lie in the folder *parts* or deeper."""
    if _FOLDER in parts or not parts:
        return len(parts) < _MAX_DEPTH + 3

    above = set(parts[:-1]) & _ABOVE
    is_above = parts[-1] in _ABOVE or "profiles" in above or len(parts) == 1
    is_below = parts[0].startswith("--") or _SESSION.fullmatch(parts[0]) is not None
    return len(parts) < _MAX_DEPTH and (is_above or is_below)


def _below_sessions(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the part of *parts* below the last folder of sessions in it."""
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == _FOLDER:
            return parts[index + 1 :]

    return parts
