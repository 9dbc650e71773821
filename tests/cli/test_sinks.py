"""How sinks look to people."""

import json
from typing import Any

import pytest

from jarvisd.cli.output.sink_lines import described
from jarvisd.core.wire import Problem
from jarvisd.sinks.wire import SinkHealth
from tests.cli.conftest import Ctl
from tests.cli.fake_daemon import NOW_MS, FakeDaemon, well

HOUR_MS = 3_600_000


def sink(**other: Any) -> SinkHealth:
    usual: dict[str, Any] = {
        "name": "net",
        "kind": "posthog",
        "waiting": 0,
        "oldest_ms": None,
        "delivered": 1_200,
        "dropped": 0,
        "failing_since_ms": None,
        "error": None,
    }
    return SinkHealth(**usual | other)


FAILING = sink(
    waiting=3,
    oldest_ms=NOW_MS - 2 * HOUR_MS,
    dropped=7,
    failing_since_ms=NOW_MS - HOUR_MS,
    error="https://eu.example \x1b[2Janswers 503",
)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        pytest.param(sink(), "net (posthog): 1,200 delivered, none waiting", id="well"),
        pytest.param(
            FAILING,
            "net (posthog): 1,200 delivered, 3 waiting, the oldest of 2h ago, "
            "7 dropped, failing for 1 h: https://eu.example \x1b[2Janswers 503",
            id="ill",
        ),
    ],
)
def test_a_sink_in_a_line(one: SinkHealth, text: str) -> None:
    assert described(one, NOW_MS) == text


def test_health_shows_each_sink(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.health = well(sinks=[sink(), FAILING])

    done = ctl("health", "--check")

    assert done.returncode == 0
    assert "sink      net (posthog): 1,200 delivered, none waiting\n" in done.stdout
    assert "answers 503" in done.stdout
    assert "\x1b" not in done.stdout


def test_doctor_says_what_is_wrong_with_a_sink_once(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    problem = Problem(kind="sink_failing", message="sink net", since_ms=NOW_MS)
    daemon.health = well(sinks=[FAILING], problems=[problem])

    answer = json.loads(ctl("doctor", "--json").stdout)

    found = [each for each in answer["findings"] if "sink" in each["subject"]]
    assert [(each["level"], each["subject"]) for each in found] == [("warn", "sink")]
    assert found[0]["remedy"]
