"""The number of files and functions of `jarvisd` that one thing passes through.

Counted in the real daemon, from its cause to the bytes that tell a subscriber of it,
when all of it has happened once before. What the idle daemon calls is left out. The
ceilings may only be lowered.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from jarvisd.conversations.wire import ConversationsGetOrCreateResult
from jarvisd.rpc.wire import SubscribeResult
from tests.e2e.client import Client
from tests.e2e.home import append, temporary_home
from tests.e2e.rig import Daemon, running_daemon
from tests.ledger.test_ledger_claude import call, prompt, reply
from tests.support import eventually

TRACER = Path(__file__).parent / "tracer"
IDLE_S = 4.0
"""Longer than anything that the idle daemon does by a clock, but for its minute."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A daemon that records what it calls, and a client that subscribes to it."""

    daemon: Daemon
    client: Client
    folder: Path

    async def assert_short(
        self,
        needle: bytes,
        cause: Callable[[], Awaitable[object]],
        *,
        files: int,
        functions: int,
    ) -> None:
        """Fail if more *files* or *functions* lie between *cause* and *needle*."""
        (self.folder / "functions").unlink(missing_ok=True)
        await self._signal("idle")
        await anyio.sleep(IDLE_S)
        (self.folder / "needle").write_bytes(needle)
        await self._signal("path")
        await cause()
        found = self.folder / "functions"
        await eventually(found.exists)
        called = found.read_text().splitlines()
        passed = {each.partition("\t")[0] for each in called}
        print("\n".join(called))  # shown when a ceiling is broken
        print(len(passed), "files,", len(called), "functions")
        assert len(passed) <= files
        assert len(called) <= functions

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
        line = reply("m1", inp=7, out=5, blocks=[call("c1")]).decode()

        async def written() -> None:
            append(path, line)

        await way.assert_short(b'"line_count":3', written, files=58, functions=185)


async def test_a_hook_to_its_stored_transition(tmp_path: Path) -> None:
    async with traced(tmp_path) as way:
        path = await followed(way)
        payload = {
            "session_id": path.stem,
            "hook_event_name": "PermissionRequest",
            "tool_name": "Bash",
            "tool_input": {"command": "ls"},
        }

        async def called() -> None:
            await way.client.ask("hook", dict, agent="claude", payload=payload)

        await way.assert_short(b'"topic":"states"', called, files=62, functions=250)


async def test_a_message_to_its_answer(tmp_path: Path) -> None:
    async with traced(tmp_path) as way:
        client = way.client
        made = await client.ask(
            "conversations.get_or_create",
            ConversationsGetOrCreateResult,
            user_id="ada",
        )
        conversation_id = made.conversation.conversation_id

        async def said() -> None:
            await client.ask(
                "conversations.save_message",
                dict,
                conversation_id=conversation_id,
                role="user",
                content="Hello",
            )

        await way.assert_short(b'"message_id"', said, files=22, functions=80)
