"""What programs print of a session through a pipe, beside the log of the same session."""

import json
from pathlib import Path

from jarvisd.base.usage import Tokens
from jarvisd.overview.wire import SessionsListResult
from tests.e2e.home import Home, append_bytes
from tests.e2e.rig import Daemon, running_daemon
from tests.e2e.test_pushes import new_id, opened, push
from tests.ledger import test_ledger_claude_printed as claude


async def tokens(daemon: Daemon) -> list[Tokens]:
    await daemon.sync()
    found = await daemon.ask("sessions.list", SessionsListResult)
    return [each.tokens for each in found.sessions]


async def test_a_printed_run_counts_as_its_result_says_and_once(home: Home) -> None:
    path = Path(home.transcript()).with_name(f"{claude.SESSION}.jsonl")
    block_id = new_id()
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await opened(client, block_id, agent="claude", cwd="/w")
        await push(client, block_id, 0, *map(bytes.decode, claude.START))
        assert [each.output for each in await tokens(daemon)] == [3]

    async with running_daemon(home) as daemon:
        async with daemon.connected() as client:
            last = claude.WHOLE[len(claude.START)].decode()
            assert json.loads(last)["type"] == "result"
            await push(client, block_id, 1, last)

        assert await tokens(daemon) == [claude.TOKENS]

        append_bytes(path, b"\n".join([*claude.transcript().lines, b""]))

        assert await tokens(daemon) == [claude.TOKENS]
