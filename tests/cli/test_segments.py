"""`jarvisctl segments`: one line a stretch of work, or the records as they are."""

import json
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from jarvisd.base.ids import SessionId
from jarvisd.cli import wall_clock
from jarvisd.segments.model import Closed
from jarvisd.segments.wire import SegmentsList, SegmentsListResult
from tests.cli.conftest import Ctl
from tests.cli.fake_daemon import FakeDaemon, live_session
from tests.rpc.fakes import SEGMENT


def told(daemon: FakeDaemon, **fields: Any) -> None:
    segment = replace(SEGMENT, **fields)
    answer = SegmentsListResult(segments=[segment], next=1, more=False)
    daemon.raw["segments.list"] = answer


def test_a_segment_is_a_line(ctl: Ctl, daemon: FakeDaemon) -> None:
    told(
        daemon,
        ended_ms=wall_clock.unix_ms() - 65_000,
        project="/home/ada/shop",
        unpriced=0,
        cost_micros=1_230_000,
    )

    head, shown = ctl("segments").stdout.splitlines()

    assert head.split()[:6] == ["ENDED", "AGENT", "PROJECT", "SESSION", "NO", "TOOK"]
    assert " ".join(shown.split()) == (
        "1m chat shop c1 1 1 m 5 75 $1.23 300 ms 480 ms 3 1 llama3.1:8b idle"
    )


def test_what_is_not_known_is_a_dash(ctl: Ctl, daemon: FakeDaemon) -> None:
    told(
        daemon,
        latency_p50_ms=None,
        latency_p95_ms=None,
        model=None,
        unique_models=2,
        reason=Closed.INTERRUPTED,
    )

    shown = ctl("segments").stdout.splitlines()[1].split()

    assert shown[2] == "-"
    assert shown[-7:] == ["-", "-", "3", "1", "2", "models", "interrupted"]


def test_models_are_called_as_in_other_reports(ctl: Ctl, daemon: FakeDaemon) -> None:
    told(daemon, model="claude-sonnet-4-5-20250929")

    assert " sonnet-4-5 " in ctl("segments").stdout


def test_names_cannot_steer_the_terminal(ctl: Ctl, daemon: FakeDaemon) -> None:
    told(daemon, model="\x1b[2Jm", session_id=SessionId("\x1b]0;x\x07"))

    assert "\x1b" not in ctl("segments").stdout


def test_options_become_what_is_asked(ctl: Ctl, daemon: FakeDaemon) -> None:
    told(daemon)
    daemon.sessions = [live_session("c1")]

    ctl(
        *("segments", "--agent", "claude", "--project", "shop", "--session", "c1"),
        *("--since", "2026-11-20", "--limit", "5000"),
    )

    start_ms = round(datetime(2026, 11, 20).astimezone().timestamp() * 1000)
    asked = SegmentsList(
        agent="claude",
        project="shop",
        session_id=SessionId("c1"),
        since_ms=start_ms,
        limit=1_000,
    )
    assert asked in daemon.asked


def test_json_has_the_records(ctl: Ctl, daemon: FakeDaemon) -> None:
    told(daemon)

    answer = json.loads(ctl("segments", "--json").stdout)

    assert answer["segments"][0]["segment_id"] == SEGMENT.segment_id
    assert (answer["next"], answer["more"]) == (1, False)


@pytest.mark.parametrize("day", ["soon", "2026-13-01"])
def test_what_is_no_day_is_refused(ctl: Ctl, daemon: FakeDaemon, day: str) -> None:
    told(daemon)

    done = ctl("segments", "--since", day)

    assert done.returncode == 2
    assert "--since: expected a day" in done.stderr


def test_nothing_is_said_to_be_nothing(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.raw["segments.list"] = SegmentsListResult(segments=[], next=0, more=False)

    done = ctl("segments")

    assert done.stdout == ""
    assert "no segment" in done.stderr
