"""`jarvisctl report`, `explain` and `attribution`: tables, JSON, and ccusage's JSON."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jarvisd.base.usage import Tokens
from jarvisd.cli import quick, wall_clock
from jarvisd.cli.attributions import AttributionFileError, read
from jarvisd.cli.output.reports import (
    bars,
    compat,
    heatmap,
    window_tables,
    written_days,
)
from jarvisd.cli.output.reports import usage_tables as usage_table
from jarvisd.cli.output.text import safe
from jarvisd.cli.output.titles import Titles
from jarvisd.core.origin import SessionId
from jarvisd.reports.attention_model import (
    AttentionDay,
    AttentionHour,
    AttentionSession,
    Latency,
    Usage,
)
from jarvisd.reports.attention_wire import ReportAttention, ReportAttentionResult
from jarvisd.reports.model import (
    ExplainedBlock,
    ExplainedLine,
    LimitView,
    LimitWindowView,
    ModelUsage,
    Projection,
    UsageRow,
    WindowRow,
)
from jarvisd.reports.wire import (
    AttributionImport,
    AttributionImportResult,
    ReportToolsResult,
    ReportUsage,
    ReportUsageResult,
    ReportWindowsResult,
    SessionsExplainResult,
)
from tests.cli.conftest import Ctl, command
from tests.cli.fake_daemon import NOW_MS, FakeDaemon, block, live_session
from tests.cli.terminal import Terminal

TOKENS = Tokens(10, 2_000, 300, 40, 500, 60)
USED = Usage(
    awake_ms=3_600_000,
    working_ms=1_800_000,
    utilisation=0.5,
    concurrency=0.75,
    most=2,
    waiting_ms=150_000,
)
TAKEN = Latency(count=3, p50_ms=14_000, p95_ms=120_000)
ATTENTION = ReportAttentionResult(
    revision=7,
    now_ms=NOW_MS,
    tz="UTC",
    usage=USED,
    approvals=TAKEN,
    answers=Latency(count=0, p50_ms=None, p95_ms=None),
    states={"working": 1_800_000},
    days=[AttentionDay(day="2026-11-20", usage=USED, approvals=TAKEN)],
    hours=[AttentionHour(hour=9, usage=USED)],
    sessions=[
        AttentionSession(
            agent="claude",
            session_id=SessionId("5e55"),
            project="/home/ada/demo",
            title="Fix the cart",
            waiting_ms=150_000,
            approvals=TAKEN,
            states={"working": 1_800_000},
        )
    ],
)
DAY_MS = 86_400_000
START_MS = 1_790_000_000_000 // 3_600_000 * 3_600_000


def row(key: str | None = "2026-11-20", **fields: Any) -> UsageRow:
    model = ModelUsage(
        model="claude-opus-4-5-20251101",
        tokens=TOKENS,
        cost_micros=1_500_000,
        unpriced=0,
        responses=3,
    )
    usual: dict[str, Any] = {
        "key": key,
        "agents": ["claude"],
        "sessions": 2,
        "tokens": TOKENS,
        "cost_micros": 1_500_000,
        "unpriced": 0,
        "responses": 3,
        "web_searches": 0,
        "models": [model],
    }
    return UsageRow(**usual | fields)


def usage(*rows: UsageRow, by: Any = "day", **fields: Any) -> ReportUsageResult:
    usual: dict[str, Any] = {
        "revision": 7,
        "by": by,
        "tz": "UTC",
        "complete": True,
        "total": row(None),
        "rows": list(rows),
    }
    return ReportUsageResult(**usual | fields)


def window(start_ms: int = START_MS, **fields: Any) -> WindowRow:
    usual: dict[str, Any] = {
        "agent": "claude",
        "start_ms": start_ms,
        "end_ms": start_ms + compat.GAP_MS,
        "first_ms": start_ms + 60_000,
        "last_ms": start_ms + 3_660_000,
        "anchor": "observed",
        "active": False,
        "tokens": TOKENS,
        "cost_micros": 1_200_000,
        "unpriced": 0,
        "responses": 3,
        "models": ["opus"],
    }
    return WindowRow(**usual | fields)


def test_a_report_is_a_table_with_its_sum(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.raw["report.usage"] = usage(row(), row("2026-11-21"))

    done = ctl("report", "daily")

    head, first, _, rule, last = done.stdout.splitlines()
    assert head.split() == [
        *(
            "DAY",
            "TOTAL",
            "INPUT",
            "OUTPUT",
            "CACHE",
            "W",
            "CACHE",
            "R",
            "COST",
            "MODELS",
        )
    ]
    assert first.split() == [
        "2026-11-20",
        "2.9k",
        "10",
        "500",
        "340",
        "2.0k",
        "$1.50",
        "opus-4-5",
    ]
    assert last.startswith("total")
    assert set(rule) == {"-"}
    assert done.stderr == ""


def test_projects_are_called_by_their_short_names(ctl: Ctl, daemon: FakeDaemon) -> None:
    folders = ("/home/ada/work/a/shop", "/home/ada/work/b/shop", "/home/ada/work/infra")
    daemon.raw["report.usage"] = usage(*map(row, folders), by="project")

    shown = ctl("report", "project").stdout.splitlines()

    assert [line.split()[0] for line in shown[1:4]] == ["a/shop", "b/shop", "infra"]


def test_compatible_output_has_no_character_that_steers_a_terminal(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    model = "m\x1b]0;evil\x07\u202e\x9b\x7f"
    daemon.raw["report.usage"] = usage(
        row(
            models=[
                ModelUsage(
                    model=model, tokens=TOKENS, cost_micros=1, unpriced=0, responses=1
                )
            ]
        )
    )

    shown = ctl("report", "daily", "--compat", "ccusage").stdout

    assert "".join(shown.split("\n")).isprintable()
    assert json.loads(shown)["daily"][0]["modelsUsed"] == [model]


def test_what_has_no_price_is_said_aloud(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.raw["report.usage"] = usage(
        row(unpriced=2), total=row(None, unpriced=2), complete=False
    )

    done = ctl("report", "daily")

    assert "$1.50+" in done.stdout
    assert "2 responses are of models without a price" in done.stderr
    assert "history is still being read" in done.stderr


def test_options_become_what_is_asked(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.raw["report.usage"] = usage()

    ctl(
        *("report", "weekly", "--since", "20261101", "--until", "2026-11-21"),
        *("--tz", "Asia/Tokyo", "--agent", "codex", "--project", "shop"),
    )

    assert daemon.asked[-1] == ReportUsage(
        by="week",
        since="2026-11-01",
        until="2026-11-21",
        tz="Asia/Tokyo",
        agent="codex",
        project="shop",
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["daily", "--since", "soon"], "--since: expected a day", id="day"),
        pytest.param(["tool", "--compat", "ccusage"], "no report `tool`", id="compat"),
        pytest.param(["blocks", "--project", "x"], "not of a project", id="project"),
        pytest.param(["yearly"], "invalid choice: 'yearly'", id="kind"),
    ],
)
def test_what_makes_no_sense_is_refused(ctl: Ctl, words: list[str], told: str) -> None:
    done = ctl("report", *words)

    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-01", "2026-11-01"),
        ("20261101", "2026-11-01"),
        ("today", "2026-11-21"),
        ("yesterday", "2026-11-20"),
        ("7d", "2026-11-14"),
        ("2w", "2026-11-07"),
        ("1y", "2025-11-21"),
    ],
)
def test_days_are_understood_as_people_write_them(text: str, day: str) -> None:
    assert written_days.day(text, date(2026, 11, 21)) == day


def test_the_fast_path_prints_what_the_full_command_does(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.raw["report.usage"] = usage(row())
    words = ("report", "daily", "--json", "--since", "20261101", "--agent=claude")

    quickly = ctl(*words)
    fully = ctl(*words, "--color", "never")

    assert quickly.stdout == fully.stdout
    assert json.loads(quickly.stdout)["rows"][0]["key"] == "2026-11-20"
    asked = [each for each in daemon.asked if isinstance(each, ReportUsage)]
    assert [each.agent for each in asked] == ["claude", "claude"]


@pytest.mark.parametrize("kind", ["blocks", "tool", "plugin"])
def test_the_fast_path_knows_every_kind(
    ctl: Ctl, daemon: FakeDaemon, kind: str
) -> None:
    daemon.raw["report.windows"] = ReportWindowsResult(
        revision=7, now_ms=1, complete=True, windows=[], rates=[], limits=[]
    )
    daemon.raw["report.tools"] = ReportToolsResult(
        revision=7, tz="UTC", complete=True, rows=[]
    )

    quickly = ctl("report", kind, "--json")
    fully = ctl("report", kind, "--json", "--color", "never")

    assert quickly.stdout == fully.stdout
    (first, second) = daemon.asked
    assert first == second


def test_the_fast_path_leaves_to_the_full_command_what_it_does_not_know(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.raw["report.usage"] = usage()

    for words in (["--since", "today"], ["--project", 'a"b'], ["--timeout", "9"]):
        assert ctl("report", "daily", "--json", *words).returncode == 0

    assert ctl("report", "daily", "--json", "--since").returncode == 2


def test_the_fast_path_imports_next_to_nothing() -> None:
    code = "import sys, jarvisd.cli.quick; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    heavy = {"msgspec", "argparse", "json", "socket", "pathlib", "re", "typing"}
    assert heavy.isdisjoint(done.stdout.split())
    assert quick.__doc__


def test_without_a_daemon_the_full_command_says_what_to_do(ctl: Ctl) -> None:
    done = ctl("report", "daily", "--json")

    assert (done.returncode, done.stdout) == (4, "")
    assert "jarvisd" in done.stderr


def test_compatible_days_have_ccusages_names_and_nesting() -> None:
    made = compat.usage(usage(row(), row(None)), {}, wall_clock.iso)

    figures = {
        "cacheCreationTokens": 340,
        "cacheReadTokens": 2000,
        "inputTokens": 10,
        "outputTokens": 500,
    }
    assert made == {
        "daily": [
            {
                "agent": "all",
                **figures,
                "metadata": {"agents": ["claude"]},
                "modelBreakdowns": [
                    {"modelName": "claude-opus-4-5-20251101", "cost": 1.5, **figures}
                ],
                "modelsUsed": ["claude-opus-4-5-20251101"],
                "period": "2026-11-20",
                "totalCost": 1.5,
                "totalTokens": 2850,
            }
        ],
        "totals": {**figures, "totalCost": 1.5, "totalTokens": 2850},
    }


@pytest.mark.parametrize(
    ("by", "key", "name"),
    [
        ("day", "daily", "date"),
        ("month", "monthly", "month"),
        ("session", "sessions", "sessionId"),
    ],
)
def test_compatible_rows_of_claude_alone_have_names_of_their_own(
    by: Any, key: str, name: str
) -> None:
    made = compat.usage_alone(usage(row("k"), by=by), {}, wall_clock.iso)

    assert made[key][0][name] == "k"
    assert "agent" not in made[key][0]


def test_compatible_sessions_are_called_as_ccusage_does(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    name = "rollout-2026-11-14T08-02-00-01a1"
    daemon.blocks = [
        block(session_id="01a1", path=f"/h/.codex/sessions/2026/11/14/{name}.jsonl")
    ]
    told = row("01a1", agent="codex", last_activity_ms=1_790_000_000_123)
    daemon.raw["report.usage"] = usage(told, by="session")

    done = ctl("report", "session", "--compat", "ccusage")

    (session,) = json.loads(done.stdout)["session"]
    assert session["period"] == f"2026/11/14/{name}"
    assert session["metadata"] == {
        "lastActivity": "2026-09-21T14:13:20.123Z",
        "reasoningOutputTokens": 60,
    }
    assert list(session) == sorted(session)


def test_blocks_tell_when_a_limit_is_full(ctl: Ctl, daemon: FakeDaemon) -> None:
    hours = LimitWindowView(
        label="5h",
        minutes=300,
        used_percent=30,
        resets_at_ms=NOW_MS + 3 * 3_600_000,
        over=False,
        full_at_ms=NOW_MS + 70 * 60_000,
    )
    week = msgspec.structs.replace(hours, label="weekly", full_at_ms=None)
    limit = LimitView(
        agent="codex",
        limit="codex",
        plan="plus",
        windows=[hours, week],
        observed_ms=NOW_MS,
        age_s=0,
    )
    daemon.raw["report.windows"] = ReportWindowsResult(
        revision=7, now_ms=NOW_MS, complete=True, windows=[], rates=[], limits=[limit]
    )

    (told,) = ctl("report", "blocks").stdout.splitlines()[-1:]
    written = json.loads(ctl("report", "blocks", "--json").stdout)

    assert ", full in 1 h 10 m at this pace, weekly 30 % used" in told
    assert told.count("at this pace") == 1
    assert [each["full_at_ms"] for each in written["limits"][0]["windows"]] == [
        NOW_MS + 70 * 60_000,
        None,
    ]


@pytest.mark.parametrize("room", [60, 80])
def test_a_window_tells_what_is_left_of_it_before_its_models(room: int) -> None:
    ahead = Projection(total_tokens=9, cost_micros=12_300_000, remaining_minutes=133)
    active = window(NOW_MS - 3_600_000, active=True, projection=ahead)
    models = [f"claude-opus-4-{number}" for number in range(9)]
    report = ReportWindowsResult(
        revision=7,
        now_ms=active.end_ms - 133 * 60_000,
        complete=True,
        windows=[window(), msgspec.structs.replace(active, models=models)],
        rates=[],
        limits=[],
    )

    shown = window_tables.lines(report, room=room, colour=False)

    assert "2 h 13 m left, $12.30 at its end" in shown[2]
    assert all(len(each) <= room for each in shown)


def test_compatible_blocks_have_gaps_and_burn() -> None:
    later = window(
        START_MS + DAY_MS, active=True, last_ms=START_MS + DAY_MS + 3_660_000
    )
    report = ReportWindowsResult(
        revision=7,
        now_ms=later.last_ms + 60_000,
        complete=True,
        windows=[window(), later],
        rates=[],
        limits=[],
    )

    first, gap, last = compat.blocks(report, wall_clock.iso)["blocks"]

    assert (first["isActive"], first["burnRate"], first["entries"]) == (False, None, 3)
    assert gap["id"] == f"gap-{gap['startTime']}"
    assert gap["endTime"] == wall_clock.iso(later.first_ms)
    assert (gap["isGap"], gap["totalTokens"], gap["costUSD"]) == (True, 0, 0)
    assert last["burnRate"] == pytest.approx(
        {
            "tokensPerMinute": 2850 / 60,
            "tokensPerMinuteForIndicator": 510 / 60,
            "costPerHour": 1.2,
        }
    )
    assert last["projection"]["remainingMinutes"] == 238
    assert set(first) == set(gap)


def test_compatible_blocks_come_in_the_order_of_their_starts() -> None:
    # It starts with its hour, before the gap ends in the middle of that hour.
    minute_ms = 60_000
    start_ms = START_MS + 6 * compat.HOUR_MS
    before = window(last_ms=start_ms + 5 * minute_ms - compat.GAP_MS)
    after = window(
        start_ms,
        first_ms=start_ms + 40 * minute_ms,
        last_ms=start_ms + 50 * minute_ms,
    )
    report = ReportWindowsResult(
        revision=7,
        now_ms=start_ms + DAY_MS,
        complete=True,
        windows=[before, after],
        rates=[],
        limits=[],
    )

    found = compat.blocks(report, wall_clock.iso)["blocks"]

    assert [each["isGap"] for each in found] == [False, False, True]


def test_the_map_is_darker_where_more_was_spent() -> None:
    today = date(2026, 11, 21)
    first = heatmap.first_day(today, 20)
    costs = {"2026-11-16": 1, "2026-11-17": 50, "2026-11-18": 9_000_000}

    lines = heatmap.lines(costs, first=first, today=today, colour=False, plain=True)

    assert first == date(2026, 9, 28)
    assert lines[1].split() == ["Mon", *["."] * 7, "-"]
    assert lines[3].endswith(" #")
    assert "Sun" in lines[7]
    assert lines[-1].endswith("more, $9.00 in all")


@pytest.mark.parametrize(
    ("value", "drawn"),
    [(0, ""), (1, "▏"), (50, "██"), (100, "████"), (200, "████")],
)
def test_a_bar_is_as_long_as_its_value(value: int, drawn: str) -> None:
    assert bars.bar(value, 100, 4) == drawn


def test_a_sparkline_has_a_character_a_value() -> None:
    assert bars.sparkline([0, 1, 50, 100]) == " ▁▅█"
    assert bars.sparkline([]) == ""


def test_days_without_cost_have_their_place_on_the_axis() -> None:
    days = ("2026-10-30", "2026-11-01", "2026-11-05")
    report = usage(*map(row, days), row(None))

    *_, drawn = usage_table.lines(report, Titles(), room=100, colour=False)

    assert drawn == "cost by day  █ █   █"


@pytest.mark.parametrize(
    ("micros", "told"),
    [(0, "$0.00"), (1, "<$0.01"), (9_999, "<$0.01"), (10_000, "$0.01")],
)
def test_what_costs_next_to_nothing_is_not_shown_as_free(
    ctl: Ctl, daemon: FakeDaemon, micros: int, told: str
) -> None:
    daemon.raw["report.usage"] = usage(row(cost_micros=micros))

    assert told in ctl("report", "daily").stdout.splitlines()[1].split()


def test_lines_are_explained_page_by_page(ctl: Ctl, daemon: FakeDaemon) -> None:
    line = ExplainedLine(
        block=0,
        line=3,
        offset=99,
        bytes=40,
        kind="assistant",
        at_ms=None,
        verdict="counted",
        reason="response of \x1b[31mopus",
    )
    daemon.raw["sessions.explain"] = SessionsExplainResult(
        agent="claude",
        session_id=SessionId("5e55"),
        blocks=[
            ExplainedBlock(
                block_id="b1",
                path="/a.jsonl",
                session_id=None,
                lines=5,
                verdicts={"counted": 1, "nothing": 4},
            )
        ],
        lines=[line],
        next=None,
        tokens=TOKENS,
        booked=TOKENS,
    )

    daemon.sessions = [live_session("5e55")]
    done = ctl("explain", "5e55")

    assert done.stdout.splitlines() == [
        "/a.jsonl",
        "LINE  OFFSET  KIND       VERDICT  REASON",
        "   3      99  assistant  counted  response of opus",
        "5 lines: 1 counted, 4 nothing",
        "",
        "these lines count 2,850 tokens; the books hold 2,850",
    ]


@pytest.mark.parametrize("columns", [80, 100])
def test_a_narrow_terminal_leaves_the_numbers_of_an_explained_line(
    ctl: Ctl, environ: dict[str, str], daemon: FakeDaemon, columns: int
) -> None:
    numbers = "12345 input, 87012 cache read, 24391 cache write, 1512 output"
    line = ExplainedLine(
        block=0,
        line=123_456,
        offset=99_123_456,
        bytes=40,
        kind="assistant",
        at_ms=None,
        verdict="counted",
        reason=f"{numbers}: response of claude-opus-4-5-20251101",
    )
    block = ExplainedBlock(
        block_id="b1",
        path=f"/srv/{'deep/' * 30}5e55.jsonl",
        session_id=None,
        lines=1,
        verdicts={"counted": 1},
    )
    daemon.raw["sessions.explain"] = SessionsExplainResult(
        agent="claude",
        session_id=SessionId("5e55"),
        blocks=[block],
        lines=[line],
        next=None,
        tokens=TOKENS,
        booked=TOKENS,
    )
    daemon.sessions = [live_session("5e55")]

    with Terminal(command("explain", "5e55"), environ, columns=columns) as terminal:
        terminal.see("the books hold")
        shown = safe_lines(terminal.output.decode())

    assert shown[0].startswith("…")
    assert shown[0].endswith("/deep/5e55.jsonl")
    assert numbers in shown[2]
    assert all(len(each) <= columns for each in shown)


def safe_lines(output: str) -> list[str]:
    """Return the lines of *output* without colours."""
    return [safe(each) for each in output.splitlines()]


FILES = {
    "a.json": '[{"source":"flea","kind":"skill","name":"pdf","ref_id":"1"}]',
    "a.toml": '[[attribution]]\nsource="flea"\nkind="skill"\nname="pdf"\nref_id="1"\n',
    "a.csv": "source,kind,name,ref_id\nflea,skill,pdf,1\n",
}


@pytest.mark.parametrize("name", FILES)
def test_attributions_come_in_three_forms(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text(FILES[name])
    daemon.raw["attribution.import"] = AttributionImportResult(curated=0, flea=1)

    done = ctl("attribution", "import", str(path))

    assert done.stdout == "0 curated names, 1 of the flea market\n"
    (asked,) = (each for each in daemon.asked if isinstance(each, AttributionImport))
    assert msgspec.to_builtins(asked.entries) == json.loads(FILES["a.json"])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        pytest.param("a.txt", "", "expected one of", id="an unknown ending"),
        pytest.param("a.json", "{", "truncated", id="no JSON"),
        pytest.param(
            "a.json",
            '[{"source":"flea","kind":"skil","name":"a","ref_id":"b"}]',
            "entry 1: `kind` is 'skil': expected one of skill, agent, command",
            id="no such kind",
        ),
        pytest.param(
            "a.csv",
            "source,kind,name,ref_id\nflea,skill,a,b\nflea,skill,,b\n",
            "entry 2: `name` is '': expected 1 to 512 characters",
            id="an empty name",
        ),
        pytest.param("a.toml", "x = 1", "expected a list", id="no table"),
        pytest.param("a.csv", "source\nflea\n", "kind", id="a column is missing"),
    ],
)
def test_a_wrong_file_of_attributions_is_refused(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(AttributionFileError, match=told):
        read(path)


def test_attention_is_told_by_day_hour_and_session(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.raw["report.attention"] = ATTENTION

    shown = ctl("report", "attention", "--since", "7d").stdout

    assert "2026-11-20" in shown
    assert "approvals: 3, half within 14 s, 19 of 20 within 2 m" in shown
    assert "by hour   0     6" in shown
    assert "Fix the cart" in shown
    (asked,) = [each for each in daemon.asked if isinstance(each, ReportAttention)]
    assert asked.since is not None


def test_attention_says_when_nothing_was_seen(ctl: Ctl, daemon: FakeDaemon) -> None:
    nothing = msgspec.structs.replace(
        ATTENTION, usage=msgspec.structs.replace(USED, awake_ms=0)
    )
    daemon.raw["report.attention"] = nothing

    done = ctl("report", "attention")

    assert done.stdout == ""
    assert "nothing was seen" in done.stderr


def test_attention_is_printed_for_programs_as_it_came(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.raw["report.attention"] = ATTENTION

    told = json.loads(ctl("report", "attention", "--json").stdout)

    assert told == {"schema": 1, **msgspec.to_builtins(ATTENTION)}
