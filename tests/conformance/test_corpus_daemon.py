"""Real runs through the real daemon: what it answers against what was really sent."""

from pathlib import Path
from typing import Any

import pytest

from tests.books.process import started
from tests.conformance.shared import needs_shared
from tests.conformance.test_corpus_ledger import Run, all_runs, logged, truth_of

pytestmark = [pytest.mark.conformance, needs_shared()]


def account(sessions: list[dict[str, Any]]) -> dict[str, int]:
    def total(*buckets: str) -> int:
        return sum(each["tokens"][name] for each in sessions for name in buckets)

    return {
        "requests": sum(each["assistant_messages"] for each in sessions),
        "input_uncached": total("input"),
        "cache_read": total("cache_read"),
        "cache_write": total("cache_write_5m", "cache_write_1h"),
        "output": total("output"),
        "reasoning": total("reasoning"),
    }


@pytest.mark.parametrize("run", all_runs())
def test_the_daemon_counts_every_token_once(run: Run, tmp_path: Path) -> None:
    with started(run[1], tmp_path) as daemon:
        daemon.ask("sync")
        first = daemon.ask("sessions.list")["sessions"]

    with started(run[1], tmp_path) as daemon:
        again = daemon.ask("sessions.list")["sessions"]

    assert account(first) == logged(run, truth_of(run))
    assert books(again) == books(first)


def books(sessions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *sessions* but for their states, which come and go with time."""
    return [{**each, "state": None} for each in sessions]
