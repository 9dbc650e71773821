"""How things are named on the command line: agents and projects, blocks and sessions."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from jarvisd.base.errors import EXIT_NO_SUCH_BLOCK, EXIT_USAGE
from jarvisd.cli import wall_clock
from tests.e2e.commands import jarvisctl
from tests.e2e.home import append, temporary_home
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

SHOP = "0f9b3c52-6a71-4d0e-9a53-0d5f6f1c2b3a"
TWINS = (
    "01a1fbed-0a01-7000-8000-000000000001",
    "01a1fbed-0a02-7000-8000-000000000002",
    "01a1fbed-0a02-7100-8000-000000000003",
)
"""Version 7: the first eight digits are the minute."""

INFRA = "7c4e11d0-93b5-4f6f-8b7c-1a2b3c4d5e6f"

TODAY = wall_clock.iso(wall_clock.unix_ms())[:10]

FILTERED = [
    ("ps",),
    ("ps", "--json"),
    ("watch", "--json"),
    ("next",),
    ("next", "--check"),
    ("next", "--watch", "--json"),
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
        "timestamp": wall_clock.iso(wall_clock.unix_ms()),
    }
    folder_name = folder.rpartition("/")[2]
    prompt = {"role": "user", "content": f"Mend the {folder_name} marmalade."}
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
            for number, twin in enumerate(TWINS):
                title = f"Twin number{number}"
                told = lines(twin, "/home/me/twins", title=title)
                append(home.transcript("twins", twin), *told)

            await daemon.sync()
            yield daemon


@pytest.mark.parametrize("words", [*FILTERED, ("notify",)])
async def test_an_agent_that_nobody_knows_is_a_wrong_command_line(
    known: Daemon, words: tuple[str, ...]
) -> None:
    done = await jarvisctl(known.home, *words, "--agent", "claud")

    assert (done.returncode, done.stdout) == (EXIT_USAGE, b"")
    assert b"no agent `claud` is known; did you mean `claude`?" in done.stderr


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


async def told(known: Daemon, *words: str) -> dict[str, Any]:
    """Return the JSON output of a command, decoded."""
    done = await jarvisctl(known.home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(("0f9b",), id="the beginning of the session's id"),
        pytest.param((SHOP,), id="its whole id"),
        pytest.param(("shop",), id="its project"),
        pytest.param(("/home/me/shop",), id="the path of it"),
        pytest.param(("CART", "fix"), id="words of its title"),
        pytest.param(("fix the cart",), id="words as one argument"),
    ],
)
async def test_every_command_takes_every_name(
    known: Daemon, name: tuple[str, ...]
) -> None:
    shown = await told(known, "show", *name)
    explained = await told(known, "explain", *name)
    tail = await jarvisctl(known.home, "tail", *name)
    jump = await jarvisctl(known.home, "jump", *name)
    segments = await jarvisctl(known.home, "segments", "--session", " ".join(name))
    block_id = shown["block"]["block_id"]
    by_block = await told(known, "explain", block_id[:10])

    assert shown["block"]["session_id"] == SHOP
    assert explained["session_id"] == by_block["session_id"] == SHOP
    assert b"Fix the cart" in tail.stdout
    assert (jump.returncode, tail.returncode, segments.returncode) == (1, 0, 0)
    assert b"no process of claude is known that works on `Fix the cart`" in jump.stderr


async def test_a_session_without_a_title_is_named_by_its_first_words(
    known: Daemon,
) -> None:
    shown = await told(known, "show", "mend", "infra", "marmalade")

    assert shown["block"]["session_id"] == INFRA


async def test_the_newest_and_the_most_urgent_have_names(known: Daemon) -> None:
    listed = (await told(known, "ps"))["blocks"]
    urgent = (await told(known, "next"))["sessions"]

    latest = await told(known, "show", "@latest")
    following = await jarvisctl(known.home, "show", "@next", "--json")

    newest_ms = max(
        each["last_activity_ms"] for each in listed if each["parent_session_id"] is None
    )
    assert latest["block"]["last_activity_ms"] == newest_ms
    if urgent:
        found = json.loads(following.stdout)["block"]["session_id"]
        assert found == urgent[0]["session_id"]
    else:
        assert following.returncode == EXIT_NO_SUCH_BLOCK
        assert b"nobody needs you" in following.stderr


async def test_a_session_is_told_apart_from_its_subagents(known: Daemon) -> None:
    session = "3c0ffee0-1111-4222-8333-944455556666"
    path = known.home.transcript("agents", session)
    append(path, *lines(session, "/home/me/agents", title="Two helpers"))
    helpers = ("a1b2c3d4e5", "a1b2c3ffff")
    for helper in helpers:
        own = path.parent / session / "subagents" / f"agent-{helper}.jsonl"
        own.parent.mkdir(parents=True, exist_ok=True)
        more = {"isSidechain": True, "agentId": helper, "uuid": helper}
        told_of = json.loads(lines(session, "/home/me/agents")[0]) | more
        append(own, json.dumps(told_of))

    await known.sync()
    shown = await jarvisctl(known.home, "ps", "--project", "agents")
    assert "3c0f/" in shown.stdout.decode()
    ids = [line.split()[-1] for line in shown.stdout.decode().splitlines()[1:]]
    blocks = [await told(known, "show", each) for each in ids]

    assert sorted(ids) == ["3c0f", "3c0f/agent-a1b2c3d", "3c0f/agent-a1b2c3f"]
    found = [each["block"]["session_id"] for each in blocks]
    assert sorted(found) == [session, *(f"{session}/agent-{each}" for each in helpers)]
    assert (await told(known, "show", "agents"))["block"]["session_id"] == session


NAMING = [
    ("show",),
    ("tail",),
    ("explain",),
    ("jump",),
    ("segments", "--session"),
    ("forget",),
]


@pytest.mark.parametrize("words", NAMING)
async def test_a_name_of_nothing_is_not_found(
    known: Daemon, words: tuple[str, ...]
) -> None:
    done = await jarvisctl(known.home, *words, "quokka")

    assert (done.returncode, done.stdout) == (EXIT_NO_SUCH_BLOCK, b"")
    assert b"nothing is called `quokka`" in done.stderr


@pytest.mark.parametrize("name", ["01a1fbed", "twins", "number"])
@pytest.mark.parametrize("words", NAMING)
async def test_an_ambiguous_name_lists_what_it_may_mean(
    known: Daemon, words: tuple[str, ...], name: str
) -> None:
    done = await jarvisctl(known.home, *words, name)

    assert (done.returncode, done.stdout) == (EXIT_NO_SUCH_BLOCK, b"")
    head, _, *rows = done.stderr.decode().splitlines()
    assert f"`{name}` may mean 3 things" in head
    assert sorted(row.split()[0] for row in rows) == [
        "01a1fbed-0a01",
        "01a1fbed-0a02-70",
        "01a1fbed-0a02-71",
    ]
    assert {f"number{number}" for number in range(3)} <= set(
        done.stderr.decode().split()
    )


async def test_ids_are_shown_as_far_as_they_tell_things_apart(known: Daemon) -> None:
    blocks = {
        e["block_id"]: e["session_id"] for e in (await told(known, "ps"))["blocks"]
    }
    shown = await jarvisctl(known.home, "ps")

    head, *rows = shown.stdout.decode().splitlines()
    at = head.index("SESSION")
    short = {row.split()[0]: row[at:].split()[0] for row in rows}
    assert "01a1fbed-0a02-71" in short.values()
    assert len(short) == len(blocks)
    for block, session in short.items():
        (whole,) = [each for each in blocks if each.startswith(block)]
        if blocks[whole] is None:
            continue  # plain output

        # A subagent's id has two parts, and both are cut.
        parts = zip(blocks[whole].split("/"), session.split("/"), strict=True)
        assert all(full.startswith(part) for full, part in parts)
        cut = (block, session.partition("/")[0])
        assert all(4 <= len(e) < 8 for e in cut if "fbed" not in e)
        for name in (block, session):
            assert (await told(known, "show", name))["block"]["block_id"] == whole


async def test_a_project_means_its_only_session_that_is_not_over(
    known: Daemon,
) -> None:
    over = "9d3a7b10-1111-4222-8333-944455556666"
    append(
        known.home.transcript("shop", over),
        *[each.replace(TODAY, "2020-01-01") for each in lines(over, "/home/me/shop")],
    )
    await known.sync()

    assert (await told(known, "show", "shop"))["block"]["session_id"] == SHOP
    kept = await jarvisctl(known.home, "forget", "shop")
    assert kept.returncode == EXIT_NO_SUCH_BLOCK
    assert b"`shop` may mean 2 things" in kept.stderr


async def test_plain_output_has_no_session(known: Daemon) -> None:
    sent = await jarvisctl(known.home, "ingest", "--project", "plain", stdin=b"a\nb\n")
    assert sent.returncode == 0, sent.stderr

    tail = await jarvisctl(known.home, "tail", "plain")
    explained = await jarvisctl(known.home, "explain", "plain")

    assert explained.returncode == EXIT_NO_SUCH_BLOCK
    assert b"plain output" in explained.stderr
    assert tail.returncode != EXIT_NO_SUCH_BLOCK


async def test_a_session_that_only_hooks_told_of_has_a_name_too(known: Daemon) -> None:
    told_of = "5ab1e0c7-2222-4333-8444-955556666777"
    payload = {
        "hook_event_name": "UserPromptSubmit",
        "session_id": told_of,
        "cwd": "/home/me/hooked",
        "transcript_path": f"/nowhere/{told_of}.jsonl",
    }
    await jarvisctl(known.home, "hook", "claude", stdin=json.dumps(payload).encode())

    for name in (told_of[:6], "hooked"):
        shown = await jarvisctl(known.home, "show", name)
        jump = await jarvisctl(known.home, "jump", name)
        assert shown.returncode == EXIT_NO_SUCH_BLOCK
        assert b"only hooks have told of" in shown.stderr
        assert jump.returncode == 1
        assert b"no process of claude is known" in jump.stderr

    listed = await jarvisctl(known.home, "next", "--project", "hooked")
    assert listed.returncode == 0, listed.stderr
