"""What is found without being asked for, and what is left alone."""

import json
import os
from uuid import uuid4

import anyio
import pytest

from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import SessionsListResult, StatusResult
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually, sometimes_soon


@pytest.mark.parametrize(
    "below",
    [
        pytest.param("-work/{id}.jsonl", id="a session"),
        pytest.param("-work/{id}/subagents/agent-{id}.jsonl", id="its subagent"),
        pytest.param(
            "-work/{id}/subagents/workflows/wf_1/agent-{id}.jsonl", id="its workflow"
        ),
        pytest.param("-work-ünï 'q\" x/{id}.jsonl", id="odd letters"),
    ],
)
async def test_a_transcript_of_claude_is_found(daemon: Daemon, below: str) -> None:
    path = daemon.home.projects / below.format(id=daemon.home.transcript().stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    append(path, record())

    assert (await daemon.block_at(path)).agent == "claude"


@pytest.mark.parametrize(
    "below",
    [
        pytest.param("-work/notes.txt", id="another suffix"),
        pytest.param(
            "-work/{id}/subagents/agent-1.meta.json", id="facts of a subagent"
        ),
        pytest.param("-work/{id}/tool-results/x.jsonl", id="another folder"),
        pytest.param("{id}.jsonl", id="beside the projects"),
    ],
)
async def test_what_is_no_transcript_is_left_alone(daemon: Daemon, below: str) -> None:
    path = daemon.home.projects / below.format(id=daemon.home.transcript().stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    append(path, record())

    async with daemon.connected() as client:
        await client.sync()
        assert await client.block_at(path) is None


async def test_doctor_counts_transcripts_and_no_other_files(home: Home) -> None:
    main = home.transcript()
    subagents = main.with_suffix("") / "subagents"
    subagents.mkdir(parents=True)
    for path in (main, subagents / "agent-1.jsonl"):
        append(path, record())
        path.with_suffix(".meta.json").write_text("{}")

    async with running_daemon(home) as daemon:
        await daemon.sync()
        done = await jarvisctl(home, "doctor")

    assert "~/.claude/projects, 2 transcripts" in " ".join(done.stdout.decode().split())


async def test_a_subagent_names_the_session_that_started_it(daemon: Daemon) -> None:
    main = daemon.home.transcript()
    path = main.with_suffix("") / "subagents" / "agent-a1.jsonl"
    path.parent.mkdir(parents=True)
    append(path, record())

    block = await daemon.block_at(path)

    assert block.parent_session_id == main.stem
    assert block.session_id == f"{main.stem}/agent-a1"


async def test_a_new_session_in_a_new_folder_shows_within_a_second(
    daemon: Daemon,
) -> None:
    async def make_one() -> None:
        path = daemon.home.projects / f"-home-me-{uuid4()}" / "a.jsonl"
        path.parent.mkdir()
        append(path, record())
        await eventually(lambda: daemon.shows(path, lines=1))

    await sometimes_soon(make_one)


async def test_growth_shows_at_once_without_a_sync(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()

    async def grow() -> None:
        append(path, record())
        lines = len(path.read_text().splitlines())
        await eventually(lambda: daemon.shows(path, lines=lines))

    await sometimes_soon(grow)


async def test_two_hundred_folders_made_in_one_go_are_all_found(daemon: Daemon) -> None:
    paths = [daemon.home.projects / f"-burst-{each}" / "s.jsonl" for each in range(200)]
    for path in paths:
        path.parent.mkdir()
        append(path, record())

    async with daemon.connected() as client:
        await client.sync()
        found = {each.path: each.line_count for each in await client.blocks()}

    assert all(found[str(path)] == 1 for path in paths)


async def test_a_folder_moved_in_brings_its_files(daemon: Daemon) -> None:
    aside = daemon.home.folder / "aside" / "-moved-in"
    aside.mkdir(parents=True)
    append(aside / "a.jsonl", record())

    inside = aside.rename(daemon.home.projects / "-moved-in")

    assert (await daemon.block_at(inside / "a.jsonl")).line_count == 1
    append(inside / "a.jsonl", record())
    await eventually(lambda: daemon.shows(inside / "a.jsonl", lines=2))


async def test_files_that_come_and_go_disturb_nobody(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    for _ in range(50):
        passing = daemon.home.transcript()
        append(passing, record())
        passing.unlink()
        append(path, record())

    assert (await daemon.block_at(path)).line_count == 50


async def test_a_link_inside_a_root_is_not_followed(daemon: Daemon) -> None:
    secret = daemon.home.folder / "secret.jsonl"
    append(secret, record())
    path = daemon.home.transcript()
    path.symlink_to(secret)

    async with daemon.connected() as client:
        await client.sync()
        assert await client.block_at(path) is None


async def test_a_new_session_shows_within_a_second_while_history_is_read(
    home: Home,
) -> None:
    for _ in range(3):
        path = home.transcript()
        append(path, *[record(1000)] * 20_000)
        os.utime(path, (1_700_000_000, 1_700_000_000))

    async with running_daemon(home) as daemon, daemon.connected() as client:
        delays_s = []
        while (await client.ask("health", HealthResult)).backfill.files_total:
            delays_s.append(await delay_until_shown(daemon))

        assert min(delays_s) < 1  # a busy machine may spoil one, not all
        await client.sync()
        total = sum(each.line_count for each in await client.blocks())
        assert total == 60_000 + len(delays_s)


async def delay_until_shown(daemon: Daemon) -> float:
    """Write a new session; return how long it took until its line was counted."""
    path, before = daemon.home.transcript(), anyio.current_time()
    append(path, record())
    await eventually(lambda: daemon.shows(path, lines=1))
    return anyio.current_time() - before


MANY = 2_000
"""So many that it answers before it has looked through all of them."""


async def test_nobody_is_told_that_nothing_is_there_before_it_was_looked(
    home: Home,
) -> None:
    for _ in range(MANY):
        append(home.transcript(), record())

    told: list[tuple[int, bool]] = []
    async with running_daemon(home) as daemon:
        while not told or told[-1] != (MANY, False):
            status = await daemon.ask("status", StatusResult)
            backfill = status.backfill
            reading = backfill.scanning or backfill.files_done < backfill.files_total
            told.append((status.blocks, reading))

    assert (0, False) not in told


async def test_a_conflict_file_of_a_synchroniser_is_of_the_same_session(
    home: Home,
) -> None:
    path = home.transcript()
    conflicts = [
        path.with_name(f"{path.stem}.sync-conflict-20261130-101010-ABCDEFG.jsonl"),
        path.with_name(f"{path.stem} (Ann's conflicted copy 2026-11-30).jsonl"),
    ]
    for number, each in enumerate((path, *conflicts)):
        append(each, response("both"), response(f"own-{number}"))

    async with running_daemon(home) as daemon:
        await daemon.sync()
        known = await daemon.ask("sessions.list", SessionsListResult)

        (session,) = known.sessions
        assert (session.session_id, session.assistant_messages) == (path.stem, 4)
        assert len(session.blocks) == 3
        explained = await jarvisctl(home, "explain", path.stem)
        assert explained.returncode == 0


async def test_a_folder_of_windows_is_a_project_like_any(home: Home) -> None:
    path = home.transcript()
    append(path, response("one", cwd="C:\\Users\\Ann\\src\\shop"))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        for wanted in ("shop", "src/shop", "src\\shop", "C:\\Users\\Ann\\src\\shop"):
            shown = await jarvisctl(home, "ps", "--all", "--project", wanted)
            assert b"shop" in shown.stdout
            assert b"Users" not in shown.stdout

        report = await jarvisctl(home, "report", "session", "--project", "shop")
        assert b"shop" in report.stdout
        assert b"Users" not in report.stdout
        other = await jarvisctl(home, "ps", "--all", "--project", "hop")
        assert b"claude  shop" not in other.stdout


def response(message: str, *, cwd: str = "/home/me/shop") -> str:
    """Return a line in which the agent tells what a response took."""
    return json.dumps(
        {
            "type": "assistant",
            "uuid": f"u-{message}",
            "cwd": cwd,
            "timestamp": "2026-11-21T10:00:00.000Z",
            "message": {
                "id": message,
                "role": "assistant",
                "model": "claude-opus-4-5",
                "content": [{"type": "text", "text": "Done."}],
                "usage": {"input_tokens": 10, "output_tokens": 5},
            },
        }
    )
