"""Every command at every width: nothing that it prints is wider than the terminal.

A real daemon with no session, with one of hostile names, and with 2,000 sessions is
asked by every command that shows something, on a terminal of each width, in colour and
without. Only raw output may be wider: JSON, diffs, and lines as the agent wrote them.
"""

import json
import re
import signal
import sys
import time
from collections.abc import Iterator

import anyio
import pytest

from jarvisd.base.wire_types import Done
from jarvisd.cli.output.text import painted, safe, width
from jarvisd.conversations.wire import (
    ConversationsGetOrCreateResult,
    ConversationsSaveMessageResult,
)
from tests.cli.terminal import Terminal
from tests.e2e.home import Home, append, temporary_home
from tests.e2e.rig import Daemon

WIDTHS = (40, 60, 80, 120, 200)
ROWS = 24
SESSIONS = 2_000

HOSTILE = "\x1b]0;EVIL\x07\x1b[31mEVIL\x9b31m\u202etxt.exe\u2066\r\n\x08\x7f\u200b"
TITLES = (
    "修复购物车中的价格计算错误并为所有货币添加回归测试以及更多的说明文字",
    "🎉 Ship the 👩‍👩‍👧 party 🇩🇪 release ❤️ with 👍🏽 and many more emoji 🚀🚀🚀🚀🚀🚀",
    "שלום עולם, זה כותרת ארוכה מאוד של מפגש עבודה שלא נגמרת לעולם ועוד קצת",
    f"Fix {HOSTILE} the cart and everything that was ever written about it in tests",
    "कार्ट की कीमत ठीक करें और परीक्षण जोड़ें ताकि यह फिर कभी न टूटे",
    "Fix the price of the cart, and add tests for each currency that we ever sold in",
    None,
)
FOLDERS = (
    "/home/me/work/customers/a-customer-with-a-very-long-name/shop",
    f"/home/me/{HOSTILE}",
    "/home/me/工作/项目/购物车和价格计算服务的新版本",
    "/home/me/work/infra",
)

SHOWN = (
    "ps",
    "ps --all",
    "next",
    "health",
    "doctor",
    "config show",
    "config show --origin",
    "hooks status",
    "segments",
    "report daily",
    "report weekly",
    "report monthly",
    "report session",
    "report project",
    "report model",
    "report agent",
    "report tool",
    "report tool --daily",
    "report plugin",
    "report blocks",
    "report heatmap",
    "report attention",
    "recall",
    "conversation list",
    "sync",
    "line",
    "show nope",
    "jump --dry-run",
    "tmux",
    "tail nope",
    "forget nope",
    "--help",
    "ps --help",
    "report --help",
    "service --help",
    "conversation list --all",
    "recall --all marmalade",
    "no-such-command",
    "ps --no-such-option",
)
OF_A_SESSION = ("show {}", "explain {}", "explain {} --brief", "tail {}")
LIVE = ("watch", "watch --all", "next --watch", "pick")
"""What goes on until `q`."""

KEPT = {
    "ps": {"STATE", "AGENT", "TITLE"},
    "watch": {"STATE", "AGENT", "TITLE"},
    "next": {"STATE", "AGENT", "TITLE", "WHY"},
    "pick": {"STATE", "AGENT", "TITLE", "WHY"},
    "report session": {"TITLE", "TOTAL", "COST"},
}
"""The headings that every width has room for."""

MARK = "=== {} ==="
END = "=== end ==="
DRIVER = """
import json, sys
from jarvisd.cli import shell
for words in json.loads(sys.argv[1]):
    print(f"=== {words} ===", flush=True)
    try:
        shell.run(words.split())
    except SystemExit:
        pass
    sys.stdout.flush()
print("=== end ===", flush=True)
"""

_PLACED = re.compile(r"\x1b\[\d*(?:;\d+)?H(?:\x1b\[K)?")
_MODE = re.compile(r"\x1b\[\?\d+[hl]|\x1b\[2J|\x1b\[K")


def transcript(home: Home, number: int, *, now: float) -> None:
    """Write a session that began so many minutes ago."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now - 60 * number))
    session, title = name_of(number), TITLES[number % len(TITLES)]
    usual = {
        "sessionId": session,
        "cwd": FOLDERS[number % len(FOLDERS)],
        "timestamp": at,
    }
    prompt = {"role": "user", "content": f"{HOSTILE} Please make {number} of it. " * 9}
    answer = {
        "id": f"m{number}",
        "role": "assistant",
        "model": f"claude-opus-4-5-2025110{number % 9}",
        "usage": {"input_tokens": 100_000 * number, "output_tokens": 1_000 + number},
        "content": [
            {
                "type": "tool_use",
                "id": f"t{number}",
                "name": f"mcp__a_long_server_{number % 30}__and_a_very_long_tool",
                "input": {},
            }
        ],
    }
    lines = [
        {**usual, "type": "user", "uuid": f"u{number}", "message": prompt},
        {**usual, "type": "assistant", "uuid": f"a{number}", "message": answer},
    ]
    if title is not None:
        lines.append({"type": "ai-title", "sessionId": session, "aiTitle": title})

    path = home.transcript(f"p{number % 40}", session)
    append(path, *(json.dumps(each, ensure_ascii=False) for each in lines))


async def converse(daemon: Daemon) -> None:
    """Begin a conversation with a long and hostile message."""
    made = await daemon.ask(
        "conversations.get_or_create",
        ConversationsGetOrCreateResult,
        user_id="ada",
        display_name=f"Ada {HOSTILE} of a very long name " * 3,
    )
    await daemon.ask(
        "conversations.save_message",
        ConversationsSaveMessageResult,
        conversation_id=made.conversation.conversation_id,
        role="user",
        content=f"The marmalade {HOSTILE} " * 20 + f"{TITLES[0]}",
    )


async def ask_for_approval(daemon: Daemon, number: int) -> None:
    """Open a dialog in a session."""
    asked = {
        "session_id": name_of(number),
        "hook_event_name": "PermissionRequest",
        "tool_name": f"mcp__server__{HOSTILE}_with_a_long_name",
    }
    await daemon.ask("hook", Done, agent="claude", payload=asked)


def name_of(number: int) -> str:
    """Return the id of a session."""
    return f"{number:08x}-0000-4000-8000-000000000000"


@pytest.fixture(scope="module", params=[0, 1, SESSIONS], ids="{} sessions".format)
def daemon(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Daemon]:
    """Return a daemon that has read so many sessions."""
    with temporary_home(tmp_path_factory.mktemp("home")) as home:
        now = time.time()  # noqa: TID251 - sessions of today are shown
        # One alone has hostile names.
        numbers = [3] if request.param == 1 else range(request.param)
        for number in numbers:
            transcript(home, number, now=now)

        running = Daemon(home)
        running.spawn()
        try:
            anyio.run(running.answering)
            anyio.run(running.sync)
            anyio.run(converse, running)
            for number in list(numbers)[:3]:
                anyio.run(ask_for_approval, running, number)

            yield running
        finally:
            if running.is_running:
                running.signal(signal.SIGTERM)

            running.destroy()


def drawn(
    daemon: Daemon, columns: int, commands: tuple[str, ...], *, colour: bool
) -> dict[str, str]:
    """Return the output of each of *commands* on a terminal of *columns*."""
    environ = daemon.environ | {"TERM": "xterm-256color", "PYTHONWARNINGS": "ignore"}
    if not colour:
        environ["NO_COLOR"] = "1"

    every = [sys.executable, "-c", DRIVER, json.dumps(commands)]
    with Terminal(every, environ, columns=columns, rows=ROWS) as terminal:
        for words in commands:
            terminal.see(MARK.format(words))
            if words in LIVE:
                terminal.type(b"q")

        output = terminal.see(END).decode()
        assert terminal.status() == 0

    parts = re.split(r"=== (.*?) ===\r?\n?", output)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def lines_of(shown: str) -> list[str]:
    """Return the text that was *shown*, on a screen or not, as lines."""
    return _MODE.sub("", _PLACED.sub("\n", shown)).replace("\r\n", "\n").split("\n")


def too_wide(shown: str, columns: int) -> list[str]:
    """Return the lines of *shown* that a terminal of *columns* would break."""
    return [each for each in lines_of(shown) if width(safe(each)) > columns]


def harm_in(shown: str) -> set[str]:
    """Return the characters of *shown* that steer a terminal and are not ours."""
    return {
        ascii(each)
        for line in lines_of(shown)
        if painted(line) != line
        for each in line
        if not each.isprintable() and each != "\x1b"
    }


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "no colour"])
@pytest.mark.parametrize("columns", WIDTHS)
def test_no_command_prints_a_line_that_is_wider_than_the_terminal(
    daemon: Daemon, columns: int, colour: bool
) -> None:
    known = drawn(daemon, 200, ("sync", "ps --all"), colour=False)["ps --all"]
    found = re.findall(r"^([0-9a-f]{8,16}) ", known.replace("\r", ""), re.MULTILINE)
    of_one = [each.format(*found[:1]) for each in OF_A_SESSION if found]

    shown = drawn(daemon, columns, (*SHOWN, *of_one, *LIVE), colour=colour)

    wide = {words: too_wide(each, columns) for words, each in shown.items()}
    for words, headings in KEPT.items():
        told = " ".join(map(safe, lines_of(shown[words]))).split()
        assert not found or headings <= set(told), told

    for words in (each for each in of_one if each.startswith("explain")):
        told = " ".join(map(safe, lines_of(shown[words]))).split()
        assert columns < 80 or "LINE" in told or "--brief" in words, told

    assert {words: each[:3] for words, each in wide.items() if each} == {}
    assert {
        words: harm_in(each) for words, each in shown.items() if harm_in(each)
    } == {}
    assert all("\x1b[1m" not in each for each in shown.values()) or colour
