"""How things are named on the command line: agents and projects, blocks and sessions."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from jarvisd.client import clock
from jarvisd.errors import EXIT_NO_SUCH_BLOCK, EXIT_USAGE
from tests.e2e.commands import jarvisctl
from tests.e2e.home import append, temporary_home
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

SHOP = "0f9b3c52-6a71-4d0e-9a53-0d5f6f1c2b3a"
INFRA = "7c4e11d0-93b5-4f6f-8b7c-1a2b3c4d5e6f"

FILTERED = [
    ("ps",),
    ("ps", "--json"),
    ("watch", "--json"),
    ("next",),
    ("next", "--check"),
    ("next", "--watch", "--json"),
    ("notify",),
    ("segments",),
    ("report", "daily"),
    ("report", "daily", "--json"),
    ("report", "tool"),
    ("report", "attention"),
    ("report", "session", "--compat", "ccusage"),
]


def lines(session: str, folder: str, *, title: str | None = None) -> list[str]:
    """Return the beginning of a session in *folder*: a prompt, an answer, a title."""
    usual = {
        "sessionId": session,
        "cwd": folder,
        "timestamp": clock.iso(clock.unix_ms()),
    }
    prompt = {"role": "user", "content": "Mend the quince marmalade."}
    answer = {
        "id": f"m-{session}",
        "role": "assistant",
        "model": "claude-opus-4-5-20251101",
        "content": [{"type": "text", "text": "Done."}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    told = [
        {**usual, "type": "user", "uuid": f"u-{session}", "message": prompt},
        {**usual, "type": "assistant", "uuid": f"a-{session}", "message": answer},
    ]
    if title is not None:
        told.append({"type": "ai-title", "sessionId": session, "aiTitle": title})

    return list(map(json.dumps, told))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def known(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Daemon]:
    """Yield a daemon that knows a session in each of two projects."""
    with temporary_home(tmp_path_factory.mktemp("home")) as home:
        async with running_daemon(home) as daemon:
            await eventually(lambda: "daemon.started" in daemon.log())
            append(
                home.transcript("shop", SHOP),
                *lines(SHOP, "/home/me/shop", title="Fix the cart"),
            )
            append(home.transcript("infra", INFRA), *lines(INFRA, "/home/me/infra"))
            await daemon.sync()
            yield daemon


@pytest.mark.parametrize("words", FILTERED)
async def test_an_agent_that_nobody_knows_is_a_wrong_command_line(
    known: Daemon, words: tuple[str, ...]
) -> None:
    done = await jarvisctl(known.home, *words, "--agent", "claud")

    assert (done.returncode, done.stdout) == (EXIT_USAGE, b"")
    assert b"no agent `claud` is known, only chat, claude, codex, text" in done.stderr


@pytest.mark.parametrize("words", FILTERED)
async def test_a_project_that_nobody_knows_is_told_apart_from_nothing(
    known: Daemon, words: tuple[str, ...]
) -> None:
    done = await jarvisctl(known.home, *words, "--project", "nope")

    assert (done.returncode, done.stdout) == (EXIT_NO_SUCH_BLOCK, b"")
    assert b"no project `nope` is known, only " in done.stderr
    assert b"shop" in done.stderr
    assert b"infra" in done.stderr


@pytest.mark.parametrize("filters", [("--agent", "codex"), ("--project", "shop")])
async def test_a_known_name_or_a_period_without_data_is_no_error(
    known: Daemon, filters: tuple[str, str]
) -> None:
    period = ("--since", "2020-01-01", "--until", "2020-01-02")
    for words in [
        ("ps",),
        ("next",),
        ("segments",),
        ("report", "daily", *period),
        ("report", "daily", "--json", *period),
    ]:
        done = await jarvisctl(known.home, *words, *filters)
        assert done.returncode == 0, done.stderr


async def test_ps_does_not_say_that_nothing_was_found_where_filters_hide_it(
    known: Daemon,
) -> None:
    done = await jarvisctl(known.home, "ps", "--agent", "codex")

    assert b"nothing that matches was found yet" in done.stderr


async def test_words_that_nobody_said_are_not_found(known: Daemon) -> None:
    done = await jarvisctl(known.home, "recall", "quokka")
    listed = await jarvisctl(known.home, "recall")

    assert (done.returncode, done.stdout) == (EXIT_NO_SUCH_BLOCK, b"")
    assert listed.returncode == 0


async def test_a_zone_that_nobody_knows_is_a_wrong_command_line(known: Daemon) -> None:
    for form in [(), ("--json",)]:
        done = await jarvisctl(known.home, "report", "daily", "--tz", "Mars", *form)
        assert (done.returncode, done.stdout) == (EXIT_USAGE, b"")
        assert b"--tz" in done.stderr
