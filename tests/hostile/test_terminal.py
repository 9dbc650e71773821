"""What strangers write into logs and names never steers a terminal or hides in one."""

import json
from pathlib import Path

import pytest

from jarvisd.cli import wall_clock
from jarvisd.core.origin import BlockView
from tests.cli.terminal import Terminal
from tests.e2e.commands import command
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon

TITLE = "\x1b]0;EVIL\x07"
RED = "\x1b[31mEVIL"
C1 = "\x9b31mEVIL"
BIDI = "\u202etxt.exe\u2066"
HIDDEN = "a\u200bb\u2060c\ufeff"
EVIL = f"shop{TITLE}{RED}{C1}{BIDI}{HIDDEN}\r\n\x08\x7f"

FORBIDDEN = {
    "titles and clipboard": "\x1b]",
    "colours that are not ours": "\x1b[31mEVIL",
    "C1 controls": "\x9b",
    "bells": "\x07",
    "backspaces": "\x08",
    "bidi overrides": "\u202e",
    "bidi isolates": "\u2066",
    "zero-width characters": "\u200b",
}
COMMANDS = (
    ("ps",),
    ("ps", "--plain"),
    ("ps", "--json"),
    ("ps", "--color=always"),
    ("show", "BLOCK"),
    ("show", "--json", "BLOCK"),
    ("tail", "BLOCK"),
    ("line",),
    ("line", "--tmux"),
    ("health",),
    ("health", "--json"),
    ("doctor",),
    ("next",),
    ("report", "session"),
    ("report", "model"),
    ("report", "tool"),
    ("report", "daily", "--json"),
    ("report", "daily", "--compat", "ccusage"),
    ("report", "session", "--compat", "ccusage"),
    ("segments",),
    ("explain", "SESSION"),
)


def harm_in(shown: str) -> list[str]:
    """Return what of *shown* a terminal would obey, or not show as it is."""
    return [name for name, text in FORBIDDEN.items() if text in shown]


async def evil_block(daemon: Daemon) -> str:
    """Return the id of a block whose every name and line is evil."""
    name = "".join(each for each in EVIL if each not in "/\0")
    path = daemon.home.transcript(f"evil{name}")
    line = {"type": "user", "cwd": f"/home/me/{EVIL}", "sessionId": EVIL}
    append(path, json.dumps({**line, "message": {"content": EVIL}}, ensure_ascii=False))
    append(path, EVIL.replace("\n", ""))
    answer = {
        "id": "m1",
        "role": "assistant",
        "model": f"m{EVIL}",
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "content": [{"type": "tool_use", "id": "t1", "name": EVIL, "input": {}}],
    }
    title = {"type": "ai-title", "sessionId": EVIL, "aiTitle": f"{EVIL}title"}
    spoken = {
        **line,
        "type": "assistant",
        "timestamp": wall_clock.iso(wall_clock.unix_ms()),
    }
    for each in ({**spoken, "message": answer}, title):
        append(path, json.dumps(each, ensure_ascii=False))

    return (await daemon.block_at(path)).block_id


def on_a_terminal(home: Home, *words: str) -> str:
    """Return all that a terminal is given when the command is run at it."""
    environ = home.environ() | {"TERM": "xterm-256color"}
    with Terminal(command(*words), environ, columns=200) as terminal:
        terminal.status()
        return terminal.output.decode()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_no_command_shows_what_a_terminal_would_obey(
    home: Home, words: tuple[str, ...]
) -> None:
    async with running_daemon(home) as daemon:
        block_id = await evil_block(daemon)
        session_id = (
            await daemon.ask("blocks.get", BlockView, block_id=block_id)
        ).session_id
        named = {"BLOCK": block_id, "SESSION": str(session_id)}
        chosen = [named.get(word, word) for word in words]

        shown = on_a_terminal(home, *chosen)

    assert shown
    assert harm_in(shown) == []


@pytest.mark.parametrize("words", [("watch",), ("watch", "--json")], ids=" ".join)
async def test_the_live_view_shows_nothing_a_terminal_would_obey(
    home: Home, words: tuple[str, ...]
) -> None:
    environ = home.environ() | {"TERM": "xterm-256color"}
    async with running_daemon(home) as daemon:
        await evil_block(daemon)
        with Terminal(command(*words), environ, columns=200) as terminal:
            shown = terminal.see("claude").decode()

    # The view's own sequences set modes and place the cursor.
    assert harm_in(shown) == []


async def test_files_for_a_status_bar_hold_nothing_it_would_obey(home: Home) -> None:
    async with running_daemon(home) as daemon:
        await evil_block(daemon)
        texts = [each.read_text() for each in rendered(home)]

    assert len(texts) == 4  # line, tmux, need, status.json
    assert harm_in("".join(texts)) == []


async def test_the_socket_itself_sends_nothing_a_terminal_would_obey(
    home: Home,
) -> None:
    async with running_daemon(home) as daemon:
        block_id = await evil_block(daemon)
        async with daemon.connected() as client:
            tail = {"block_id": block_id}
            for method, params in (("blocks.list", {}), ("blocks.tail", tail)):
                request = {"jsonrpc": "2.0", "id": 1, "method": method}
                await client.send(json.dumps({**request, "params": params}).encode())
                shown = (await client.receive_line()).decode()
                assert (method, harm_in(shown)) == (method, [])


def rendered(home: Home) -> list[Path]:
    """Return the files that the daemon keeps for status bars."""
    folder = home.socket.parent
    return [
        each
        for each in folder.iterdir()
        if each.name in {"line", "tmux", "need", "status.json"}
    ]
