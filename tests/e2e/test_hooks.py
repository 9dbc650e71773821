"""What an agent runs, what it was told to run, and the daemon between, for real."""

import json

import anyio

from tests.e2e.commands import LIMIT_S, jarvisctl
from tests.e2e.rig import Daemon

STOP = b'{"session_id":"5e55","hook_event_name":"Stop","last_assistant_message":"x"}'
STATUS = (
    b'{"session_id":"5e55","model":{"display_name":"Opus"},"cost":{"total_cost_usd":1}}'
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
    assert [(each["agent"], each["count"]) for each in told["hooks"]] == [("claude", 1)]
    assert told["hooks"][0]["last_event"] == "Stop"
    assert b"hooks     claude: 1, last just now" in health.stdout


async def test_a_status_line_is_shown(daemon: Daemon) -> None:
    shown = await jarvisctl(daemon.home, "statusline", stdin=STATUS)

    assert (shown.returncode, shown.stdout.decode()) == (0, "Opus · $1.00\n")
    daemon.assert_clean_log()
