"""An agent that changed its logs overnight: seen in health, doctor, ps and the log."""

import json
from pathlib import Path

from jarvisd.overview.health_wire import AgentDrift, HealthResult
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

SECRET = "sk-nobody-may-read-this"
VERSION: dict[str, object] = {"version": "9.9.9", "sessionId": "s"}


def claude_of_tomorrow(path: Path) -> None:
    """Write a transcript with a renamed field, a new type and a lost usage."""
    usage = {"prompt_tokens": 10, "output_tokens": 7}
    message: dict[str, object] = {
        "role": "assistant",
        "model": "claude-opus-9",
        "content": SECRET,
    }
    lines: list[dict[str, object]] = [
        {"type": "assistant", "message": message | {"id": "m1", "usage": usage}},
        {"type": "assistant", "message": message | {"id": "m2"}},
        {"type": "hologram", "content": SECRET},
        {"type": "hologram", "content": SECRET},
    ]
    append(path, *(json.dumps(each | VERSION) for each in lines))


async def drift(daemon: Daemon) -> list[AgentDrift]:
    return (await daemon.ask("health", HealthResult)).drift


async def printed(home: Home, command: str) -> str:
    done = await jarvisctl(home, command)
    return (done.stdout + done.stderr).decode()


async def test_logs_of_a_future_version_are_reported_without_their_content(
    home: Home,
) -> None:
    async with running_daemon(home) as daemon:
        claude_of_tomorrow(home.transcript())
        await daemon.sync()

        (found,) = await drift(daemon)
        health, doctor, ps = [
            await printed(home, each) for each in ("health", "doctor", "ps")
        ]
        await eventually(lambda: "agent.drift" in daemon.log())

    assert (found.agent, found.version, found.newer) == ("claude", "9.9.9", True)
    assert found.transcripts == 1
    items = {(each.kind, each.name): each.count for each in found.items}
    assert items["record_type", "hologram"] == 2
    assert items["usage_field", "prompt_tokens"] == 1
    assert items["no_tokens", "assistant"] == 1
    assert "unknown record types: hologram (2)" in health
    assert "9.9.9: newer than" in doctor
    assert "update jarvisd" in doctor
    assert ps.count("claude 9.9.9 writes records that jarvisd does not") == 1
    logged = [each for each in daemon.log().splitlines() if "agent.drift" in each]
    assert len(logged) == 1
    assert "hologram" in logged[0]
    assert "prompt_tokens" in logged[0]
    assert SECRET not in health + doctor + ps + daemon.log()


async def test_logs_of_a_tested_version_report_nothing(home: Home) -> None:
    path = home.rollout()
    async with running_daemon(home) as daemon:
        meta = {"id": path.stem[-36:], "cli_version": "0.171.0"}
        append(path, json.dumps({"type": "session_meta", "payload": meta}))
        await daemon.sync()

        found, ps = await drift(daemon), await printed(home, "ps")

    assert found == []
    assert "jarvisctl doctor" not in ps


async def test_a_newer_version_alone_is_no_reason_to_worry(home: Home) -> None:
    path = home.rollout()
    async with running_daemon(home) as daemon:
        meta = {"id": path.stem[-36:], "cli_version": "0.999.0"}
        append(path, json.dumps({"type": "session_meta", "payload": meta}))
        await daemon.sync()

        doctor, ps = [await printed(home, each) for each in ("doctor", "ps")]

    assert "0.999.0: newer than" in doctor
    assert "nothing in them is unknown" in doctor
    assert "update jarvisd" not in doctor
    assert "codex 0.999.0 is newer than tested" in ps


async def test_the_version_of_a_rollout_outlives_a_restart(home: Home) -> None:
    path = home.rollout()
    odd = {"type": "event_msg", "payload": {"type": "levitated"}}
    async with running_daemon(home) as daemon:
        meta = {"id": path.stem[-36:], "cli_version": "0.999.0"}
        append(path, json.dumps({"type": "session_meta", "payload": meta}))
        await daemon.sync()
        await daemon.restart()
        append(path, json.dumps(odd))
        await daemon.sync()

        (found,) = await drift(daemon)

    assert (found.agent, found.version) == ("codex", "0.999.0")
    assert [each.name for each in found.items] == ["event_msg:levitated"]
