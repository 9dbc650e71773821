"""Where Claude Code keeps its transcripts, and what their names say.

Below ROOT/projects a folder for each working folder, whose name cannot be decoded:
every character outside [A-Za-z0-9-] became a dash. In it

    SESSION.jsonl                                   a session's main transcript
    SESSION/subagents/agent-ID.jsonl                one of its subagents
    SESSION/subagents/workflows/WF/agent-ID.jsonl   the same, started by a workflow
    agent-ID.jsonl                                  the same, in older versions

What a synchroniser makes of two versions of a file has more in its name, as in
`SESSION.sync-conflict-20261130-101010-ABCDEFG.jsonl` or `SESSION (Ann's conflicted copy
2026-11-30).jsonl`. Both versions are of one session.

A subagent's id is unique within its session only, so its session is SESSION/agent-ID.
`journal.jsonl` beside subagents is bookkeeping that looks like a transcript.
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
from jarvisd.core.traits import Worktree

_FOLDER = "projects"
_SUFFIX = ".jsonl"
_WORKTREE = re.compile(r"(.+?)[\\/]\.claude[\\/]worktrees[\\/][^\\/]", re.DOTALL)
_AGENT = "agent-"
_ASIDE = "agent-aside_question-"
_MAX_DEPTH = 8
_SESSION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    roots = distinct(
        _projects(each) for each in (*own_roots(environ, home), *configured)
    )
    return tuple(
        Tree(agent="claude", root=root, place=place, enters=enters) for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a projects folder."""
    match parts:
        case (_, name) if name.endswith(_SUFFIX):
            stem = _stem(name)
            session = _SESSION.match(stem)
            return Place(session_id=SessionId(stem if session is None else session[0]))
        case (_, parent, "subagents", *_, name) if _is_subagent(name):
            return Place(
                session_id=SessionId(f"{parent}/{_stem(name)}"),
                parent_session_id=SessionId(parent),
            )
        case _:
            return None


def account(path: str) -> str | None:
    """Return the key of the account whose transcript is at *path*."""
    parts = path.split("/")
    for index in range(len(parts) - 1, 0, -1):
        if parts[index] == _FOLDER and place(tuple(parts[index + 1 :])) is not None:
            return account_key("/".join(parts[:index]))

    return None


def worktree(folder: str) -> Worktree | None:
    """Return the project that *folder* is a worktree of: PROJECT/.claude/worktrees/NAME."""
    found = _WORKTREE.match(folder)
    return None if found is None else Worktree(found[1])


def enters(parts: tuple[str, ...]) -> bool:
    """Whether transcripts may lie in the folder *parts* or deeper."""
    if len(parts) > 2:
        return parts[2] == "subagents" and len(parts) < _MAX_DEPTH

    return True


def own_roots(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Return the folders of its settings: the user's choice, or the usual ones."""
    chosen = listed(environ, "CLAUDE_CONFIG_DIR", home)
    if chosen:
        return chosen

    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return (config / "claude", home / ".claude")


def _projects(root: Path) -> Path:
    return root if root.name == _FOLDER else root / _FOLDER


def _is_subagent(name: str) -> bool:
    return name.startswith(_AGENT) and name.endswith(_SUFFIX)


def _stem(name: str) -> str:
    stem = without_conflict(name.removesuffix(_SUFFIX))
    return stem.replace(_ASIDE, _AGENT, 1) if stem.startswith(_ASIDE) else stem
