"""The number of files and functions of `jarvisd` that one thing passes through.

Counted in the real daemon, from its cause to the bytes that tell a subscriber of it,
when all of it has happened once before. What the idle daemon calls is left out. The
ceilings may only be lowered.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio

from jarvisd.conversations.wire import ConversationsGetOrCreateResult
from jarvisd.rpc.client_wire import SubscribeResult
from tests.e2e.client import Client
from tests.e2e.home import append, temporary_home
from tests.e2e.rig import Daemon, running_daemon
from tests.ledger.test_ledger_claude import call, prompt, reply
from tests.support import eventually

TRACER = Path(__file__).parent / "tracer"
IDLE_S = 1.5
"""The idle daemon does most of what it does each second."""

REPEATS = 3


@dataclass(frozen=True, slots=True)
class Traced:
    """A daemon that records what it calls, and a client that subscribes to it."""

    daemon: Daemon
    client: Client
    folder: Path

    async def assert_short(
        self,
        cause: Callable[[int], Awaitable[object]],
        needle: Callable[[int], str],
        *,
        files: int,
        functions: int,
    ) -> None:
        """Fail if more *files* or *functions* lie between *cause* and *needle*.

        What is not called each time has another cause, such as a timer.
        """
        ways = [
            await self._way(partial(cause, number), needle(number).encode())
            for number in range(REPEATS)
        ]
        called = [each for each in ways[0] if all(each in way for way in ways)]
        passed = {each.partition("\t")[0] for each in called}
        print("\n".join(called))  # shown when a ceiling is broken
        print(len(passed), "files,", len(called), "functions")
        assert len(passed) <= files
        assert len(called) <= functions

    async def _way(
        self, cause: Callable[[], Awaitable[object]], needle: bytes
    ) -> list[str]:
        """Return the functions that are called from *cause* to *needle*."""
        found = self.folder / "functions"
        found.unlink(missing_ok=True)
        await self._signal("idle")
        await anyio.sleep(IDLE_S)
        (self.folder / "needle").write_bytes(needle)
        await self._signal("path")
        await cause()
        await eventually(found.exists)
        return found.read_text().splitlines()

    async def _signal(self, name: str) -> None:
        signalled = self.folder / name
        signalled.unlink(missing_ok=True)
        self.daemon.signal(signal.SIGUSR2)
        await eventually(signalled.exists)


@asynccontextmanager
async def traced(folder: Path) -> AsyncIterator[Traced]:
    """Run a daemon that records what it calls, with a subscriber on all of it."""
    with temporary_home(folder) as home:
        environ = {
            "PYTHONPATH": f"{TRACER}:{home.environ()['PYTHONPATH']}",
            "JARVISD_TRACED": str(folder),
        }
        async with (
            running_daemon(home, environ=environ) as daemon,
            daemon.connected() as client,
        ):
            await client.ask("subscribe", SubscribeResult, topics=["blocks", "states"])
            yield Traced(daemon, client, folder)


async def followed(way: Traced) -> Path:
    """Return a transcript that is followed and whose lines are nothing new any more."""
    path = way.daemon.home.transcript()
    append(path, prompt().decode())
    await way.daemon.sync()
    append(path, reply("m0", inp=7, out=5, blocks=[call("c0")]).decode())
    await way.daemon.sync()
    return path


async def test_a_line_to_its_subscriber(tmp_path: Path) -> None:
    async with traced(tmp_path) as way:
        path = await followed(way)

        async def written(number: int) -> None:
            line = reply(f"m{number}x", inp=7, out=5, blocks=[call(f"c{number}x")])
            append(path, line.decode())

        await way.assert_short(
            written,
            lambda number: f'"line_count":{number + 3}',
            files=51,
            functions=172,
        )


async def test_a_hook_to_its_stored_transition(tmp_path: Path) -> None:
    async with traced(tmp_path) as way:
        paths = [await followed(way) for _ in range(REPEATS)]

        async def called(number: int) -> None:
            payload = {
                "session_id": paths[number].stem,
                "hook_event_name": "PermissionRequest",
                "tool_name": "Bash",
                "tool_input": {"command": "ls"},
            }
            await way.client.ask("hook", dict, agent="claude", payload=payload)

        await way.assert_short(
            called, lambda _: '"topic":"states"', files=51, functions=190
        )


async def test_a_message_to_its_answer(tmp_path: Path) -> None:
    async with traced(tmp_path) as way:
        client = way.client
        made = await client.ask(
            "conversations.get_or_create",
            ConversationsGetOrCreateResult,
            user_id="ada",
        )
        conversation_id = made.conversation.conversation_id

        async def said(number: int) -> None:
            await client.ask(
                "conversations.save_message",
                dict,
                conversation_id=conversation_id,
                role="user",
                content=f"Hello {number}",
            )

        await way.assert_short(said, lambda _: '"message_id"', files=18, functions=84)
