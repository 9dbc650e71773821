"""What an agent runs, what it was told to run, and the daemon between, for real."""

import json
from pathlib import Path

import anyio

from jarvisd.reports.wire import ReportWindowsResult
from jarvisd.segments.model import Closed, Segment
from jarvisd.segments.wire import SegmentsListResult
from tests.e2e.commands import LIMIT_S, jarvisctl
from tests.e2e.home import append, record
from tests.e2e.rig import Daemon
from tests.ledger.test_ledger_claude import prompt, reply

STOP = b'{"session_id":"5e55","hook_event_name":"Stop","last_assistant_message":"x"}'
STATUS = (
    b'{"session_id":"5e55","model":{"display_name":"Opus"},"cost":{"total_cost_usd":1},'
    b'"rate_limits":{"seven_day":{"used_percentage":12.5,"resets_at":4000000000}}}'
)


async def test_an_installed_hook_comes_in_and_has_its_receipt(daemon: Daemon) -> None:
    settings = daemon.home.projects.parent / "settings.json"
    installed = await jarvisctl(daemon.home, "hooks", "install", "claude")
    assert installed.returncode == 0

    groups = json.loads(settings.read_bytes())["hooks"]["Stop"]
    with anyio.fail_after(LIMIT_S):
        # Run as the agent does, through a shell.
        await anyio.run_process(
            groups[0]["hooks"][0]["command"], input=STOP, env=daemon.home.environ()
        )
    status = await jarvisctl(daemon.home, "hooks", "status", "claude", "--json")
    health = await jarvisctl(daemon.home, "health")

    told = json.loads(status.stdout)
    assert told["daemon"] is True
    (receipt,) = told["hooks"]
    assert (receipt["agent"], receipt["last_event"]) == ("claude", "Stop")
    count = receipt["count"]
    assert f"hooks     claude: {count}, last just now" in health.stdout.decode()


async def test_a_status_line_is_shown_and_its_limits_are_known(daemon: Daemon) -> None:
    shown = await jarvisctl(daemon.home, "statusline", stdin=STATUS)

    assert (shown.returncode, shown.stdout.decode()) == (0, "Opus · $1.00\n")
    told = await daemon.ask("report.windows", ReportWindowsResult)
    assert [(each.agent, each.windows[0].label) for each in told.limits] == [
        ("claude", "weekly")
    ]
    assert [each.source for each in told.limits] == ["status_line"]
    for_people = await jarvisctl(daemon.home, "report", "blocks")
    assert b"12.5 % used" in for_people.stdout
    assert b"(status line, " in for_people.stdout
    daemon.assert_clean_log()


async def test_the_cost_of_a_status_line_begins_anew_after_clear(
    daemon: Daemon,
) -> None:
    def written(path: Path) -> bytes:
        return json.dumps(
            {
                "session_id": path.stem,
                "transcript_path": str(path),
                "cost": {"total_cost_usd": 541.2},
            }
        ).encode()

    cleared, worked = daemon.home.transcript(), daemon.home.transcript()
    append(worked, reply("m1", model="claude-opus-4-7", inp=400_000).decode())
    child = worked.with_suffix("") / "subagents" / "agent-a1.jsonl"
    child.parent.mkdir(parents=True)
    append(child, reply("m2", model="claude-opus-4-7", inp=100_000).decode())
    await daemon.sync()

    shown = [
        (await jarvisctl(daemon.home, "statusline", stdin=written(each))).stdout
        for each in (cleared, worked, Path("/elsewhere/x.jsonl"))
    ]

    assert shown == [b"$0.00\n", b"$2.50\n", b"$541.20\n"]


async def test_a_status_line_tells_of_others_that_wait(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.block_at(path)
    hook = {"session_id": path.stem, "tool_name": "Bash", "tool_use_id": "t1"}
    await tell(daemon, **hook, hook_event_name="PermissionRequest")
    own = json.dumps({"session_id": path.stem, "model": {"id": "m"}}).encode()

    async def shown(written: bytes) -> str:
        return (
            await jarvisctl(daemon.home, "statusline", stdin=written)
        ).stdout.decode()

    assert await shown(STATUS) == "Opus · $1.00 · 1 needs you\n"
    assert await shown(own) == "m\n"
    await tell(daemon, session_id=path.stem, hook_event_name="Stop")
    assert await shown(STATUS) == "Opus · $1.00\n"


async def tell(daemon: Daemon, **payload: str) -> None:
    written = json.dumps(payload).encode()
    assert (await jarvisctl(daemon.home, "hook", "claude", stdin=written)).stdout == b""


async def test_the_end_of_a_session_ends_its_segment(daemon: Daemon) -> None:
    await daemon.sync()  # what is there before the first look is history
    path = daemon.home.transcript()
    lines = prompt(second=0, key="q1"), reply("x1", second=4, inp=5, out=70)
    append(path, *(each.decode() for each in lines))
    await daemon.block_at(path)

    await tell(daemon, session_id=path.stem, hook_event_name="UserPromptSubmit")
    await tell(
        daemon, session_id=path.stem, hook_event_name="SessionEnd", reason="exit"
    )

    async def ended() -> bool:
        return [each.reason for each in await segments_of(path.stem)] == [Closed.END]

    async def segments_of(session_id: str) -> list[Segment]:
        asked = {"session_id": session_id}
        return (await daemon.ask("segments.list", SegmentsListResult, **asked)).segments

    with anyio.fail_after(LIMIT_S):
        while not await ended():
            await daemon.sync()
