"""`agents check` against what really went over the wire in every recorded run."""

from typing import Any

import msgspec
import pytest

from jarvisd.overview.log_check import Truth, check_logs, known_agents, logs_at
from tests.conformance.shared import SHARED, needs_shared

pytestmark = [pytest.mark.conformance, needs_shared(), needs_shared("recordings")]

UNLOGGED = {"recordings/claude/states", "recordings/claude/states-hooks"}
"""Runs with a request that was stopped by Esc before a word came: it is in no log."""


def runs() -> list[Any]:
    return [
        pytest.param(agent, home, id=str(home.relative_to(SHARED)))
        for folder in ("corpus", "recordings")
        for agent in ("claude", "codex")
        for home in sorted((SHARED / folder / agent).glob("*/"))
    ]


@pytest.mark.parametrize(("name", "home"), runs())
def test_every_recorded_run_adds_up_to_its_truth(name: str, home: Any) -> None:
    agent = known_agents()[name]
    truth = msgspec.json.decode((home / "truth.json").read_bytes(), type=Truth)

    check = check_logs(agent, logs_at(agent, home), truth)

    assert check.files
    assert not check.unknown
    assert not [each for each in check.files if each.error or each.malformed]
    assert bool(check.differing) == (str(home.relative_to(SHARED)) in UNLOGGED)
