"""Worktrees belong to the project that they were made of, in every answer."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from jarvisd.reports.wire import ReportToolsResult
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

SHOP = "/home/u/shop"


def claude(home: Home, cwd: str, *, tool: str | None = None) -> None:
    """Write a session of Claude Code that took 150 tokens in *cwd*."""
    session = str(uuid4())
    content: list[dict[str, Any]] = [{"type": "text", "text": "Done."}]
    if tool is not None:
        content.append({"type": "tool_use", "id": "t1", "name": tool, "input": {}})

    said = {
        "type": "assistant",
        "sessionId": session,
        "timestamp": "2026-11-21T02:51:23.962Z",
        "cwd": cwd,
        "message": {
            "id": f"msg-{session}",
            "model": "claude-sonnet-4-5-20250929",
            "content": content,
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 100, "output_tokens": 50},
        },
    }
    append(home.transcript(str(uuid4()), session), json.dumps(said))


def codex(home: Home, cwd: str) -> None:
    """Write a thread of Codex that took 150 tokens in *cwd*."""
    path = home.rollout()
    thread = path.stem[-36:]
    total = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150}
    payloads = (
        ("session_meta", {"id": thread, "cwd": cwd}),
        ("turn_context", {"cwd": cwd, "model": "gpt-5.1-codex"}),
        (
            "event_msg",
            {
                "type": "token_count",
                "info": {"total_token_usage": total, "last_token_usage": total},
            },
        ),
    )
    for kind, payload in payloads:
        line = {
            "timestamp": "2026-11-21T02:51:23.962Z",
            "type": kind,
            "payload": payload,
        }
        append(path, json.dumps(line))


async def projects(home: Home) -> dict[str | None, int]:
    """Return the figures of `report project` by project."""
    shown = await jarvisctl(home, "report", "project", "--json")
    rows = json.loads(shown.stdout)["rows"]
    return {
        row["key"]: row["tokens"]["input"] + row["tokens"]["output"] for row in rows
    }


async def listed(home: Home, project: str) -> int:
    """Return how many blocks `ps --project` lists."""
    shown = await jarvisctl(home, "ps", "-a", "--json", "--project", project)
    return len(json.loads(shown.stdout)["blocks"])


async def test_worktrees_are_part_of_their_project(home: Home) -> None:
    """Wherever the agents and editors put them, and whichever is read first."""
    codex(home, "/home/u/.codex/worktrees/3f2a/shop")
    claude(home, f"{SHOP}/.claude/worktrees/calm-oak", tool="Bash")
    claude(home, f"{SHOP}.worktrees/feat/cart")
    claude(home, SHOP, tool="Bash")
    claude(home, "/home/u/other", tool="Bash")
    async with running_daemon(home) as daemon:
        await daemon.sync()
        assert await projects(home) == {SHOP: 600, "/home/u/other": 150}
        assert await listed(home, "shop") == 4
        assert await listed(home, "calm-oak") == 1
        tools = await daemon.ask("report.tools", ReportToolsResult, project="shop")
        assert [(row.name, row.calls) for row in tools.rows] == [("Bash", 2)]

    async with running_daemon(home):
        assert await projects(home) == {SHOP: 600, "/home/u/other": 150}
        assert await listed(home, "shop") == 4


async def test_worktrees_of_codex_are_one_project_where_theirs_is_not_known(
    home: Home,
) -> None:
    for number in range(3):
        codex(home, f"/home/u/.codex/worktrees/{number}/shop")

    async with running_daemon(home) as daemon:
        await daemon.sync()
        (project,) = await projects(home)
        assert project == "/home/u/.codex/worktrees/shop"
        assert await listed(home, "shop") == 3

        claude(home, SHOP)
        await daemon.sync()
        assert await projects(home) == {SHOP: 600}
        with closing(sqlite3.connect(home.state / "jarvisd.db")) as raw:
            stored = raw.execute("SELECT DISTINCT project FROM block_shown").fetchall()

        assert stored == [(SHOP,)]


def git(folder: Path, *arguments: str) -> None:
    name = ("-c", "user.name=u", "-c", "user.email=u@localhost")
    command = ["git", *name, "-C", str(folder), *arguments]
    subprocess.run(command, check=True, capture_output=True)


async def told(daemon: Daemon, expected: dict[str, int]) -> None:
    async def is_told() -> bool:
        return await projects(daemon.home) == expected

    await eventually(is_told)


async def test_a_worktree_anywhere_is_known_by_its_git_file(home: Home) -> None:
    shop, side = home.folder / "shop", home.folder / "elsewhere" / "hotfix"
    shop.mkdir()
    git(shop, "init", "-q")
    git(shop, "commit", "-q", "--allow-empty", "-m", "begin")
    git(shop, "worktree", "add", "-q", str(side))
    claude(home, str(shop))
    claude(home, str(side))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        await told(daemon, {str(shop): 300})
        assert await listed(home, "shop") == 2

    shutil.rmtree(side)  # what was found stays
    async with running_daemon(home) as daemon:
        assert await projects(home) == {str(shop): 300}
