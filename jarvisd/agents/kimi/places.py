"""Where Kimi Code and kimi-cli keep their sessions, and what their names say.

    ~/.kimi-code/sessions/WORKSPACE/SESSION/agents/main/wire.jsonl    a session
    ~/.kimi-code/sessions/WORKSPACE/SESSION/agents/agent-0/wire.jsonl a subagent of it
    ~/.kimi/sessions/FOLDER/SESSION/wire.jsonl                        one of kimi-cli

A subagent's id is unique within its session only. FOLDER is a digest of the working
folder, which nothing else in a session names.
"""

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
_WIRE = "wire"
_MAIN = "main"


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agents' own, then *configured*."""
    own = (
        *(listed(environ, "KIMI_CODE_HOME", home) or (home / ".kimi-code",)),
        *(listed(environ, "KIMI_SHARE_DIR", home) or (home / ".kimi",)),
    )
    roots = distinct(
        each if each.name == _FOLDER else each / _FOLDER for each in (*own, *configured)
    )
    return tuple(
        Tree(agent="kimi", root=root, place=place, enters=enters) for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a folder of sessions."""
    match parts:
        case (_, session, "agents", agent, name) if _is(name, _WIRE, ".jsonl"):
            if agent == _MAIN:
                return Place(session_id=SessionId(session))

            return Place(
                session_id=SessionId(f"{session}/{agent}"),
                parent_session_id=SessionId(session),
            )
        case (_, session, name) if _is(name, _WIRE, ".jsonl"):
            return Place(session_id=SessionId(session))
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
    """Whether wires may lie in the folder *parts* or deeper."""
    return len(parts) < 3 or (parts[2] == "agents" and len(parts) < 5)


def _is(name: str, stem: str, suffix: str) -> bool:
    return name.endswith(suffix) and without_conflict(name.removesuffix(suffix)) == stem
