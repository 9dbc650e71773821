"""Conversations as clients meet them: through the socket, beside others, over kills."""

import json
import random
import subprocess
import sys
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio import BrokenResourceError, EndOfStream

from jarvisd.conversations.model import ConversationView, MessageView
from jarvisd.conversations.wire import (
    ConversationsForgetResult,
    ConversationsGetOrCreateResult,
    ConversationsListResult,
    ConversationsMessagesResult,
    ConversationsRecallResult,
    ConversationsSaveMessageResult,
)
from tests.e2e.client import Client, RpcError
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

RECORDING = """
[conversations]
record = true
max_age_hours = 100000
consolidation_threshold = 100000
"""

SAVES = """
import json, socket, sys

def ask(method, **params):
    request = {"jsonrpc": "2.0", "id": 1, "method": f"conversations.{method}", "params": params}
    server.sendall(json.dumps(request).encode() + b"\\n")
    return json.loads(answers.readline())["result"]

path, name = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.connect(path)
answers = server.makefile("rb")
shared = ask("get_or_create", user_id="shared")["conversation"]["conversation_id"]
for number in range(1000):
    ask("save_message", conversation_id=shared, role="user", content=f"{name} {number}")
"""


async def opened(client: Client, user_id: str, **more: Any) -> ConversationView:
    answer = await client.ask(
        "conversations.get_or_create",
        ConversationsGetOrCreateResult,
        user_id=user_id,
        **more,
    )
    return answer.conversation


async def save(client: Client, id_: str, content: str, **more: Any) -> int:
    """Save a message and return its id."""
    answer = await client.ask(
        "conversations.save_message",
        ConversationsSaveMessageResult,
        conversation_id=id_,
        content=content,
        **{"role": "user", **more},
    )
    return answer.message_id


async def messages(client: Client, id_: str, **more: Any) -> list[MessageView]:
    answer = await client.ask(
        "conversations.messages",
        ConversationsMessagesResult,
        conversation_id=id_,
        **more,
    )
    return answer.messages


async def recalled(client: Client, words: str = "", **more: Any) -> list[MessageView]:
    answer = await client.ask(
        "conversations.recall", ConversationsRecallResult, words=words, **more
    )
    return [each.message for each in answer.hits]


async def test_a_message_is_there_as_soon_as_it_is_acknowledged(daemon: Daemon) -> None:
    async with daemon.connected() as one, daemon.connected() as other:
        id_ = (await opened(one, "ada")).conversation_id
        message_id = await save(one, id_, "hello\x00 w\u00f6rld", channel="telegram")
        [seen] = await messages(other, id_)

    assert (seen.message_id, seen.content) == (message_id, "hello\x00 w\u00f6rld")


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        pytest.param({"content": ""}, "invalid_params", id="empty"),
        pytest.param({"content": None}, "invalid_params", id="no text"),
        pytest.param({"content": "x" * 300_000}, "invalid_params", id="too long"),
        pytest.param({"content": "x" * 10_000_000}, "too_large", id="10 MB"),
        pytest.param({"role": "robot"}, "invalid_params", id="nobody's role"),
        pytest.param({"role": ""}, "invalid_params", id="no role"),
        pytest.param({"at_ms": 0}, "invalid_params", id="long ago"),
        pytest.param({"at_ms": -5}, "invalid_params", id="before time"),
        pytest.param({"at_ms": 2**53}, "invalid_params", id="in the far future"),
        pytest.param({"at_ms": True}, "invalid_params", id="no time"),
        pytest.param({"metadata": [1]}, "invalid_params", id="a list for metadata"),
        pytest.param({"metadata": {"a": {}}}, "invalid_params", id="deep metadata"),
        pytest.param(
            {"metadata": {str(n): n for n in range(65)}},
            "invalid_params",
            id="too much",
        ),
        pytest.param({"conversation_id": "0"}, "unknown_conversation", id="unknown"),
        pytest.param({"key": ""}, "invalid_params", id="an empty key"),
        pytest.param({"colour": "red"}, "invalid_params", id="an unknown field"),
    ],
)
async def test_a_wrong_message_is_refused_and_costs_nothing(
    daemon: Daemon, wrong: dict[str, Any], kind: str
) -> None:
    async with daemon.connected() as client:
        id_ = (await opened(client, f"wrong {kind}")).conversation_id
        before = await messages(client, id_)
        asked = {"conversation_id": id_, "role": "user", "content": "x", **wrong}
        request = {"jsonrpc": "2.0", "method": "conversations.save_message"}
        await client.send(json.dumps({**request, "id": 9, "params": asked}).encode())
        answer = json.loads(await client.receive_line())

        assert answer["error"]["data"]["kind"] == kind
        assert await messages(client, id_) == before


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("decay", {"max_age_hours": -1}),
        ("consolidate", {"conversation_id": "0", "threshold": -1}),
        ("list", {"limit": -1}),
        ("list", {"limit": 100_000}),
        ("get_or_create", {"user_id": ""}),
        ("get_or_create", {"user_id": "x" * 300}),
        ("get_or_create", {"user_id": "a", "channel": "telegram"}),
        ("forget", {}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    daemon: Daemon, method: str, params: dict[str, Any]
) -> None:
    async with daemon.connected() as client:
        with pytest.raises(RpcError) as refusal:
            await client.ask(f"conversations.{method}", dict, **params)

    assert refusal.value.kind == "invalid_params"


def saver(daemon: Daemon, name: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", SAVES, str(daemon.socket), name])


async def test_two_processes_save_a_thousand_messages_each_at_once(home: Home) -> None:
    home.configure("[conversations]\nconsolidation_threshold = 5000\n")
    async with running_daemon(home) as daemon:
        for process in [saver(daemon, name) for name in ("one", "other")]:
            assert await anyio.to_thread.run_sync(process.wait, 60) == 0

        async with daemon.connected() as client:
            id_ = (await opened(client, "shared")).conversation_id
            first = await messages(client, id_, limit=1000)
            rest = await messages(client, id_, limit=1000, before=first[0].message_id)

    contents = [each.content for each in rest + first]
    for name in ("one", "other"):
        mine = [each for each in contents if each.startswith(f"{name} ")]
        assert mine == [f"{name} {number}" for number in range(1000)]


async def save_until_killed(client: Client, id_: str, start: int) -> int:
    """Save numbers from *start* on; return the first that was not acknowledged."""
    number = start
    try:
        while True:
            await save(client, id_, f"n{number}", key=f"k{number}")
            number += 1
    except (EndOfStream, BrokenResourceError, ConnectionError):
        return number


async def test_acknowledged_messages_survive_kills_and_none_is_doubled(
    home: Home,
) -> None:
    home.configure("[conversations]\nconsolidation_threshold = 100000\n")
    chance = random.Random(4)
    number, id_ = 0, ""
    async with running_daemon(home) as daemon:
        for _ in range(4):
            async with daemon.connected() as client, anyio.create_task_group() as tasks:
                id_ = (await opened(client, "ada")).conversation_id
                reach = number + chance.randrange(1, 60)

                async def kill(reach: int = reach) -> None:
                    await eventually(lambda: len(home.stored_messages()) >= reach)
                    await daemon.kill()

                tasks.start_soon(kill)
                number = await save_until_killed(client, id_, number)
            await daemon.start()

        async with daemon.connected() as client:
            await save(client, id_, f"n{number}", key=f"k{number}")
            found = await messages(client, id_, limit=1000)

    assert [each.content for each in found] == [f"n{n}" for n in range(number + 1)]


def claude_line(number: int, session: str, cwd: str = "/work/shop") -> str:
    return json.dumps(
        {
            "type": "user" if number % 2 else "assistant",
            "message": {"role": "user", "content": f"said{number}"},
            "uuid": f"{session}-{number}",
            "sessionId": session,
            "cwd": cwd,
        }
    )


def codex_lines(session: str, *contents: str) -> list[str]:
    meta = {"id": session, "cwd": "/work/shop"}
    said = [{"type": "agent_message", "message": each} for each in contents]
    return [
        json.dumps({"type": "session_meta", "payload": meta}),
        *(json.dumps({"type": "event_msg", "payload": each}) for each in said),
    ]


async def test_nothing_is_recorded_unless_the_user_wants_it(home: Home) -> None:
    append(home.transcript(session="s1"), claude_line(1, "s1"))
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        assert await recalled(client) == []


async def test_what_is_said_in_a_worktree_is_said_in_its_project(home: Home) -> None:
    home.configure(RECORDING)
    tree = "/work/shop/.claude/worktrees/calm-oak"
    async with running_daemon(home) as daemon, daemon.connected() as client:
        append(home.transcript(session="s1"), claude_line(1, "s1", cwd=tree))
        append(home.transcript(session="s2"), claude_line(2, "s2"))
        await client.sync()
        for folder in ("/work/shop", tree):
            said = await recalled(client, folder=folder)
            assert sorted(each.content for each in said) == ["said1", "said2"]


async def test_what_agents_say_is_recorded_and_recalled_and_forgotten(
    home: Home,
) -> None:
    home.configure(RECORDING)
    one, other = home.transcript(session="s1"), home.rollout()
    async with running_daemon(home) as daemon, daemon.connected() as client:
        append(one, claude_line(1, "s1"), claude_line(2, "s1"))
        await client.sync()
        append(other, *codex_lines("s2", "the migration failed"))
        await client.sync()
        seen = await recalled(client, folder="/work/shop/src")
        assert [(each.channel, each.content) for each in seen] == [
            ("codex", "the migration failed"),
            ("claude", "said2"),
            ("claude", "said1"),
        ]
        assert len(await recalled(client, "MIGRATION")) == 1
        gone = await client.ask(
            "conversations.forget", ConversationsForgetResult, session_id="s1"
        )
        assert gone.messages == 2
        assert [each.channel for each in await recalled(client)] == ["codex"]
        append(one, claude_line(3, "s1"))
        await client.sync()
        assert [each.content for each in await recalled(client, "said3")] == ["said3"]

    assert all(b"said1" not in each for each in database_bytes(home))


def database_bytes(home: Home) -> list[bytes]:
    return [each.read_bytes() for each in home.state.glob("jarvisd.db*")]


async def test_recorded_messages_are_exact_over_kills(home: Home) -> None:
    home.configure(RECORDING)
    path, chance, number = home.transcript(session="s1"), random.Random(5), 0
    async with running_daemon(home) as daemon:
        for _ in range(4):
            for _ in range(chance.randrange(5, 40)):
                append(path, claude_line(number, "s1"))
                number += 1
                await anyio.sleep(0.001)
            await daemon.restart()

        async with daemon.connected() as client:
            await client.sync()
            found = await recalled(client, limit=1000)

    assert [each.content for each in reversed(found)] == [
        f"said{each}" for each in range(number)
    ]


async def test_a_copy_of_a_line_in_another_file_is_the_same_message(home: Home) -> None:
    home.configure(RECORDING)
    append(home.transcript(session="s1"), claude_line(1, "s1"))
    append(home.transcript(session="s2"), claude_line(1, "s1"), claude_line(2, "s2"))
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        found = await recalled(client)
        listed = await client.ask("conversations.list", ConversationsListResult)

    assert sorted(each.content for each in found) == ["said1", "said2"]
    assert [each.project for each in listed.conversations] == ["/work/shop"]


async def test_the_command_line_does_it_all(home: Home) -> None:
    async with running_daemon(home) as daemon:

        def ctl(*arguments: str, text: str = "") -> str:
            return subprocess.run(
                [sys.executable, "-m", "jarvisd.cli.main", *arguments],
                env=daemon.environ,
                input=text,
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            ).stdout

        def talk() -> None:
            conversation = "conversation"
            id_ = ctl(
                conversation, "open", "ada", "--channel", "telegram", "--as", "7"
            ).strip()
            ctl(conversation, "save", id_, text="is the build\x1b[31m green?\n")
            ctl(conversation, "save", id_, "yes", "--role", "assistant")
            ctl(conversation, "link", id_, "discord", "9")
            assert ctl(conversation, "resolve", "discord", "9").strip() == id_
            assert "2 messages" in ctl(conversation, "list")
            shown = ctl(conversation, "messages", id_)
            assert "    is the build green?\nassistant, " in shown
            assert "yes" in ctl("recall", "--all", "yes")
            assert ctl(conversation, "consolidate", id_, "--threshold", "0") == (
                "1 folded, 1 left\n"
            )
            assert ctl(conversation, "decay") == "0 removed\n"
            assert "forgot 1 messages, 1 conv" in ctl("forget", id_)
            assert json.loads(ctl("recall", "--all", "--json"))["hits"] == []

        await anyio.to_thread.run_sync(talk)
