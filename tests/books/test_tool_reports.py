"""Uses of tools and plugins, S001.29 to S001.35 and T9 of the reference, on real files."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jarvisd.reports.model import Attribution
from jarvisd.reports.report_params import tools_of, zone_of
from jarvisd.reports.wire import AttributionImport, ReportTools
from tests.books.reporting import desk
from tests.books.rig import append, running, transcript
from tests.ledger import test_ledger_claude as claude
from tests.ledger.books import line


def called(call_id: str, at: str, name: str = "Bash", **given: Any) -> bytes:
    """Return a line on which *name* is called at *at*, a time in UTC."""
    content = [{"type": "tool_use", "id": call_id, "name": name, "input": given}]
    return line(
        type="assistant",
        uuid=f"a-{call_id}",
        timestamp=at,
        message={"id": f"m-{call_id}", "model": "opus", "content": content},
    )


def failed(call_id: str, at: str) -> bytes:
    content = [{"type": "tool_result", "tool_use_id": call_id, "is_error": True}]
    return line(
        type="user", uuid=f"u-{call_id}", timestamp=at, message={"content": content}
    )


def commanded(name: str, key: str) -> bytes:
    return claude.prompt(f"<command-name>{name}</command-name>", key=key)


def stored(home: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(home / "s.db")) as raw:
        return raw.execute(query).fetchall()


DAILY = """SELECT day, tool_name, source, invocations, error_count, distinct_users,
    distinct_sessions FROM tool_daily ORDER BY day, tool_name"""
DAY = "2026-11-20"


async def test_a_day_counts_calls_errors_and_different_sessions(tmp_path: Path) -> None:
    append(
        transcript(tmp_path, "s1"),
        called("1", f"{DAY}T10:00:00Z"),
        called("2", f"{DAY}T10:00:01Z"),
        failed("2", f"{DAY}T10:00:03Z"),
        called("3", f"{DAY}T10:00:04Z", "Read"),
    )
    append(transcript(tmp_path, "s2"), called("4", f"{DAY}T11:00:00Z"))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        bash, read = await desk(daemon).tools(daily=True)

    assert (bash.day, bash.name, bash.calls, bash.errors) == (DAY, "Bash", 3, 1)
    assert (bash.sessions, bash.timed, bash.duration_ms) == (2, 1, 2000)
    assert (read.name, read.calls, read.errors, read.sessions) == ("Read", 1, 0, 1)
    assert stored(tmp_path, DAILY) == [
        (DAY, "Bash", "builtin", 3, 1, 1, 2),
        (DAY, "Read", "builtin", 1, 0, 1, 1),
    ]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        pytest.param("UTC", ["2026-11-20", "2026-11-21"], id="S001-30 UTC"),
        pytest.param("America/New_York", ["2026-11-20"], id="one day in New York"),
        pytest.param("Asia/Tokyo", ["2026-11-21"], id="the next one in Tokyo"),
    ],
)
async def test_midnight_is_that_of_the_zone_asked_for(
    zone: str, days: list[str], tmp_path: Path
) -> None:
    append(
        transcript(tmp_path),
        called("1", "2026-11-20T23:59:59Z"),
        called("2", "2026-11-21T00:00:01Z"),
    )
    async with running(tmp_path) as daemon:
        await daemon.sync()
        rows = await desk(daemon).tools(daily=True, tz=zone)
        whole = await desk(daemon).tools(tz=zone, since=days[0], until=days[-1])

    assert [row.day for row in rows] == days
    assert [row.calls for row in whole] == [2]
    assert [row[0] for row in stored(tmp_path, DAILY)] == ["2026-11-20", "2026-11-21"]


async def test_what_comes_late_is_in_its_day_however_old(tmp_path: Path) -> None:
    append(transcript(tmp_path, "s1"), called("1", f"{DAY}T10:00:00Z"))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        append(transcript(tmp_path, "s2"), called("2", "2025-01-02T10:00:00Z"))
        await daemon.sync()
        rows = await desk(daemon).tools(daily=True)

    assert [row.day for row in rows] == ["2025-01-02", DAY]


async def test_an_error_that_comes_later_is_of_the_same_call(tmp_path: Path) -> None:
    append(transcript(tmp_path), called("1", f"{DAY}T10:00:00Z"))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        before = await desk(daemon).tools()
        append(transcript(tmp_path), failed("1", f"{DAY}T10:01:00Z"))
        await daemon.sync()
        after = await desk(daemon).tools()

    assert [(row.calls, row.errors) for row in before] == [(1, 0)]
    assert [(row.calls, row.errors) for row in after] == [(1, 1)]


async def test_a_poisonous_file_stops_no_other(tmp_path: Path) -> None:
    append(transcript(tmp_path, "s1"), b"[]", b"{", b'"x"', b"\xff\xfe")
    append(transcript(tmp_path, "s2"), called("1", f"{DAY}T10:00:00Z"))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        rows = await desk(daemon).tools()

    assert [row.calls for row in rows] == [1]


def known(kind: str, name: str, source: str, ref_id: str) -> Attribution:
    return Attribution(kind=kind, name=name, source=source, ref_id=ref_id)  # type: ignore[arg-type]


async def test_uses_are_attributed_curated_first(tmp_path: Path) -> None:
    append(
        transcript(tmp_path),
        called("1", f"{DAY}T10:00:00Z", "Skill", skill="pdf"),
        called("2", f"{DAY}T10:00:00Z", "Agent", subagent_type="reviewer"),
        called("3", f"{DAY}T10:00:00Z", "Skill", skill="unknown"),
        commanded("/ship", "c1"),
        commanded("/ship", "c2"),
        commanded("/clear", "c3"),
    )
    async with running(tmp_path) as daemon:
        await daemon.sync()
        asked = desk(daemon)
        counted = await asked.attribute(
            known("skill", "pdf", "flea", "f-1"),
            known("skill", "pdf", "curated", "c-1"),
            known("agent", "reviewer", "flea", "f-2"),
            known("command", "/ship", "curated", "c-2"),
        )
        plugins = await asked.tools(by="plugin")
        tools = await asked.tools()

    assert counted == (2, 2)
    assert {(row.name, row.source, row.calls) for row in plugins} == {
        ("c-1", "curated", 1),
        ("c-2", "curated", 2),
        ("f-2", "flea", 1),
    }
    assert ("clear", "command", "builtin") in {
        (row.name, row.kind, row.source) for row in tools
    }
    assert stored(tmp_path, "SELECT sum(invocations) FROM plugin_daily") == [(4,)]


async def test_an_import_replaces_what_was_known_and_may_be_repeated(
    tmp_path: Path,
) -> None:
    append(transcript(tmp_path), commanded("/a", "1"), commanded("/b", "2"))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        asked = desk(daemon)
        await asked.attribute(known("command", "a", "flea", "old"))
        for _ in range(2):
            await asked.attribute(known("command", "b", "flea", "new"))

        rows = await asked.tools(by="plugin")

    assert [(row.name, row.calls) for row in rows] == [("new", 1)]


@pytest.mark.parametrize("cwd", ["/home/ada/shop", r"C:\Users\ada\shop"])
async def test_filters_choose_agent_and_project(tmp_path: Path, cwd: str) -> None:
    append(
        transcript(tmp_path),
        called("1", f"{DAY}T10:00:00Z"),
        line(type="user", cwd=cwd, message={"content": "x"}),
    )
    async with running(tmp_path) as daemon:
        await daemon.sync()
        asked = desk(daemon)

        assert len(await asked.tools(project="shop")) == 1
        assert len(await asked.tools(project="ada/shop")) == 1
        assert len(await asked.tools(project=cwd)) == 1
        assert await asked.tools(project="hop") == []
        assert len(await asked.tools(agent="claude")) == 1
        assert await asked.tools(agent="codex") == []


ASKED = [
    ReportTools(by=by, daily=daily, agent=agent, since=since, until=until, tz=tz)
    for by in ("tool", "plugin")
    for daily in (False, True)
    for agent in (None, "claude", "codex")
    for since, until in ((None, None), ("2026-11-20", None), (None, "2026-11-20"))
    for tz in ("UTC", "Asia/Tokyo", "XXX-0:07")
]


async def test_days_that_are_kept_answer_as_the_whole_store(tmp_path: Path) -> None:
    fork = [called("9", f"{DAY}T23:30:00Z"), called("8", "2026-11-22T01:00:00Z")]
    steps: list[tuple[str, list[bytes]]] = [
        ("s1", [called("1", f"{DAY}T10:00:00Z"), commanded("/plan", "p1")]),
        ("s2", [called("2", "2026-11-19T23:59:00Z", "Read"), *fork]),
        ("s1", [failed("1", f"{DAY}T10:01:00Z")]),  # of a call in a day of before
        ("a0", [*fork, called("3", "2026-11-23T10:00:00Z", skill="deploy")]),
        ("s1", [called("4", "2026-11-23T11:00:00Z", "Skill", skill="deploy")]),
    ]
    async with running(tmp_path) as daemon:
        reports = desk(daemon).reports

        async def compare() -> None:
            await daemon.sync()
            for asked in ASKED:
                read = partial(
                    tools_of, asked=asked, zone=zone_of(asked.tz), sessions=None
                )
                expected = await daemon.store.read(read)
                assert (await reports.tools(asked)).rows == expected, asked

        for name, lines in steps:
            append(transcript(tmp_path, name), *lines)
            await compare()

        entries = [known("skill", "deploy", "flea", "ops@1")]
        await reports.attribute(AttributionImport(entries=entries))
        await compare()
