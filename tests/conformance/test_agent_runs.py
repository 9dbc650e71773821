"""Every recorded run of every agent, against what was really sent over the wire."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.books.process import started
from tests.conformance.agent_runs import (
    FIGURES,
    Run,
    agent_runs,
    books,
    configure,
    counted,
    differences,
    problems,
    sent,
)
from tests.conformance.run_growth import grow
from tests.conformance.shared import needs_shared

pytestmark = [pytest.mark.conformance, needs_shared(), needs_shared("recordings")]


@pytest.mark.parametrize("run", agent_runs())
def test_the_daemon_counts_what_was_sent(run: Run, tmp_path: Path) -> None:
    configure(run, tmp_path)
    with started(run.home, tmp_path) as daemon:
        daemon.ask("sync")
        found, first = counted(daemon, run.agent), books(daemon)
        unread = problems(daemon)

    with started(run.home, tmp_path) as daemon:
        daemon.ask("sync")
        again = books(daemon)

    assert not unread
    assert differences(run, found) == []
    assert again == first


@pytest.mark.parametrize("run", agent_runs())
def test_growth_and_a_kill_in_the_middle_change_nothing(
    run: Run, tmp_path: Path
) -> None:
    home, state = tmp_path / "home", tmp_path / "state"
    home.mkdir()
    state.mkdir()
    steps = grow(run, home)
    configure(run, state, home)
    half, down = len(steps) // 2, min(len(steps) // 2 + 2, len(steps))
    with started(home, state) as daemon:
        for number, step in enumerate(steps[:half]):
            step.write()
            if number % 5 == 4:
                daemon.ask("sync")

        daemon.kill()

    for step in steps[half:down]:
        step.write()

    with started(home, state) as daemon:
        for number, step in enumerate(steps[down:]):
            step.write()
            if number % 5 == 4:
                daemon.ask("sync")

        daemon.ask("sync")
        found, unread = counted(daemon, run.agent), problems(daemon)

    assert not unread
    assert differences(run, found) == []


@pytest.mark.parametrize("run", agent_runs())
def test_agents_check_agrees(run: Run) -> None:
    logs = [str(run.home / each) for each in run.expected.roots] or [str(run.home)]
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "jarvisd.cli.main", "agents", "check", run.agent),
            *(logs[0], "--json", "--truth", str(run.home / "truth.json")),
        ],
        capture_output=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    check = json.loads(checked.stdout)

    assert check["files"]
    assert not check["unknown"]
    assert not [each for each in check["files"] if each["error"] or each["malformed"]]
    assert {name: check["totals"][name] for name in FIGURES} == sent(run).tokens
    assert checked.returncode == bool(check["differing"])
    if all(gap.runs == "*" and not gap.less and not gap.tools for gap in run.gaps):
        assert not check["differing"]  # `about` says as much as the table of gaps
