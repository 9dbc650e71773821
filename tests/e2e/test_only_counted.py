"""Agents whose lines are counted and no more, until somebody wants the rest."""

from jarvisd.core.origin import BlockView
from jarvisd.overview.wire import SessionsListResult, StatusResult
from tests.e2e.home import Home, append_bytes
from tests.e2e.rig import Daemon, running_daemon
from tests.ledger import test_ledger_claude as claude

OFF = "[agents.claude]\nledger = false\n"


def lines(number: int) -> bytes:
    """Return a prompt and its answer of ten tokens, and a line that is none."""
    prompt = claude.prompt(second=10 * number, key=f"p{number}")
    reply = claude.reply(f"m{number}", second=10 * number + 1, inp=3, out=7)
    return b"\n".join([prompt, reply, b"no JSON", b""])


async def output_tokens(daemon: Daemon) -> list[int]:
    await daemon.sync()
    found = await daemon.ask("sessions.list", SessionsListResult)
    return [each.tokens.output for each in found.sessions]


async def only_block(daemon: Daemon) -> BlockView:
    async with daemon.connected() as client:
        await client.sync()
        (block,) = await client.blocks()
        return block


async def test_lines_are_counted_and_dated_without_the_ledger(home: Home) -> None:
    path = home.transcript()
    append_bytes(path, lines(1))
    async with running_daemon(home) as daemon:
        full = await only_block(daemon)

    (home.state / "jarvisd.db").unlink()
    home.configure(OFF)
    async with running_daemon(home) as daemon:
        block = await only_block(daemon)
        status = await daemon.ask("status", StatusResult)

        assert await output_tokens(daemon) == []
        assert status.line_count == 3

    same = ("line_count", "char_count", "malformed_count", "session_id", "project")
    for name in same:
        assert getattr(block, name) == getattr(full, name), name


async def test_what_was_only_counted_is_read_again_once_it_is_wanted(
    home: Home,
) -> None:
    path = home.transcript()
    append_bytes(path, lines(1))
    async with running_daemon(home) as daemon:
        assert await output_tokens(daemon) == [7]

    home.configure(OFF)
    async with running_daemon(home) as daemon:
        append_bytes(path, lines(2))
        await daemon.sync()

    home.configure("")
    async with running_daemon(home) as daemon:
        append_bytes(path, lines(3))
        assert await output_tokens(daemon) == [21]
        assert (await only_block(daemon)).line_count == 9
