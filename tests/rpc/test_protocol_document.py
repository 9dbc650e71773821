"""What docs/protocol.md says is what a real server answers."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from jarvisd.base.errors import ERROR_NUMBERS
from jarvisd.base.usage import Tokens
from jarvisd.core.block import Block
from jarvisd.core.event import PromptGiven, ToolCalled, UsageReported
from jarvisd.core.origin import SessionId
from jarvisd.core.publisher import Flushed
from jarvisd.core.record import Record, Speaker
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.overview import rendered_files
from jarvisd.rpc import connection, dispatch, handlers, messages, subscription
from jarvisd.rpc.wire import METHODS, NOTIFICATIONS
from jarvisd.state.facts import StateStream
from tests.rpc.fakes import Client, Running, block, running
from tests.support import PATIENCE_S

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "protocol.md"
TEXT = DOCUMENT.read_text()

KINDS: dict[str, type | tuple[type, ...]] = {
    "<number>": (int, float),
    "<text>": str,
    "<list>": list,
}


def dialogues() -> Iterator[tuple[str, Any]]:
    """Give each message of the examples, with the arrow before it."""
    for example in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL):
        for message in re.split(r"^(?=-->|<--)", example, flags=re.MULTILINE)[1:]:
            yield message[:3], json.loads(message[3:])


def assert_matches(shown: Any, real: Any, where: str = "") -> None:
    match shown:
        case str() if shown in KINDS:
            assert isinstance(real, KINDS[shown]), where
        case dict():
            partial = shown.pop("...", None) is not None
            assert partial or shown.keys() == real.keys(), where
            for name, value in shown.items():
                assert_matches(value, real[name], f"{where}.{name}")
        case list():
            assert len(shown) == len(real), where
            for one, other in zip(shown, real, strict=True):
                assert_matches(one, other, where)
        case _:
            assert shown == real, where


def account_for(server: Running, what: Block, *, at_ms: int) -> None:
    """Let *what* be of a session with a prompt, a response and a tool call."""
    session_id = SessionId("0199c2f4-7a10")
    origin = msgspec.structs.replace(what.origin, session_id=session_id)
    stream = what.memory = StateStream(LedgerStream(origin))
    usage = UsageReported(
        response="r1",
        model="gpt-5.3-codex",
        tokens=Tokens(1200, 8000, output=300, reasoning=100),
    )
    events = (PromptGiven(chars=5), usage, ToolCalled(call_id="c1", tool="shell"))
    record = Record(kind="all", at_ms=at_ms, speaker=Speaker.USER, events=events)
    server.sessions.ledger.apply(stream, record)
    server.sessions.ledger.applied()
    server.sessions.bind(what)


def fill(server: Running) -> None:
    now_ms = server.clock.unix_ms()
    server.add(block("5d0c8e2fb1a94c37", lines=3, at_ms=now_ms - 1000))
    old_ms = now_ms - 86_400_000
    codex = block("9e" * 8, agent="codex", project="/b", lines=2, at_ms=old_ms)
    server.add(codex)
    account_for(server, codex, at_ms=old_ms)
    server.daemon.lines = [
        '{"type":"start"}',
        '{"type":"user"}',
        '{"type":"assistant"}',
    ]


async def test_every_example_is_answered_as_it_is_shown() -> None:
    asked = set()
    async with running() as server:
        fill(server)
        with Client(server.endpoint.path) as client:
            subscription = ""
            for arrow, message in dialogues():
                if arrow == "-->":
                    asked.add(message["method"])
                    raw = json.dumps(message).replace("<subscription>", subscription)
                    await client.send_raw(raw.encode() + b"\n")
                    continue

                if message.get("method") == "event":
                    let_happen(server, message["params"])
                real = await client.receive()
                assert_matches(message, real, str(message.get("id")))
                subscription = real.get("result", {}).get("subscription", subscription)

    assert asked >= set(METHODS)


def let_happen(server: Running, shown: dict[str, Any]) -> None:
    if shown["topic"] == "flushes":
        server.subscriptions.flushed(Flushed(shown["data"]["revision"]))
    else:
        server.grow(server.blocks.find(shown["data"]["block_id"]))


@pytest.mark.parametrize("method", [*METHODS, *NOTIFICATIONS])
def test_every_method_is_explained(method: str) -> None:
    assert f"### {method}\n" in TEXT or f"`{method}." in TEXT or method in TEXT


def test_every_error_is_in_the_table() -> None:
    table = dict.fromkeys(ERROR_NUMBERS, 0)
    for number, kinds in re.findall(r"^\| (-32\d+) \| (.*?) \|", TEXT, re.MULTILINE):
        table |= dict.fromkeys(re.findall(r"`(\w+)`", kinds), int(number))

    assert table == ERROR_NUMBERS


def test_every_limit_is_as_the_code_has_it() -> None:
    limits = connection.Timeouts()

    assert messages.MAX_REQUEST_BYTES == 1 << 20
    assert messages.MAX_BATCH == 32
    assert (handlers.MAX_CLIENTS, handlers.MAX_IN_FLIGHT) == (80, 16)
    assert handlers.MAX_TAIL_BYTES == 1 << 20
    assert subscription.MAX_SUBSCRIPTIONS == 16
    assert subscription.PING_S == 30
    assert (dispatch.REQUEST_S, dispatch.LONG_REQUEST_S) == (5, 30)
    assert dispatch.MAX_BATCH_BYTES == 4 << 20
    assert (limits.half_sent_s, limits.blocked_s) == (10, 10)
    assert (
        rendered_files.HEARTBEAT_S,
        rendered_files.STALE_S,
        rendered_files.INTERVAL_S,
    ) == (5, 15, 0.25)


async def run_beside(
    server: Running, command: list[str], *, folder: Path
) -> subprocess.CompletedProcess[bytes]:
    """Run *command* as if the server were at the usual place in *folder*."""
    (folder / "jarvisd").symlink_to(server.endpoint.path.parent)
    environ = {"XDG_RUNTIME_DIR": str(folder), "PATH": os.environ["PATH"]}
    with anyio.fail_after(PATIENCE_S):
        return await anyio.run_process(command, env=environ, check=False)


async def test_the_python_example_works(tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    async with running() as server:
        fill(server)
        done = await run_beside(server, [sys.executable, "-c", script], folder=tmp_path)

    assert done.stdout.decode().splitlines() == [
        "claude /home/ada/shop 3",
        "codex /b 2",
    ]


SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)[0].splitlines()


@pytest.mark.parametrize(
    ("tools", "line", "shown"),
    [
        pytest.param(["nc"], SHELL[1], "claude 1 live", id="netcat"),
        pytest.param(["socat", "jq"], SHELL[2], "50", id="socat"),
    ],
)
async def test_the_shell_examples_work(
    tools: list[str], line: str, shown: str, tmp_path: Path
) -> None:
    missing = [each for each in tools if shutil.which(each) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")

    async with running() as server:
        fill(server)
        command = ["sh", "-c", f"{SHELL[0]}\n{line}"]
        done = await run_beside(server, command, folder=tmp_path)

    assert shown in done.stdout.decode()
