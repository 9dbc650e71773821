"""A log of any kind is checked without a daemon, as the daemon would read it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from jarvisd.core.agent import AgentRegistry
from jarvisd.overview.log_check import LogTotals, Truth, TruthUsage, check_logs, logs_at
from tests.discovery.test_source_kinds import DOCUMENTS, FOLDERS, THREADS

MESSAGES = [{"id": "m1", "output": 3}, {"id": "m2", "output": 4}, {"id": 5}]


def document(home: Path) -> Path:
    path = home / ".toy" / "s.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"messages": MESSAGES}))
    return path


def events(home: Path) -> Path:
    folder = home / ".toy" / "s"
    folder.mkdir(parents=True)
    for number, message in enumerate(MESSAGES):
        (folder / f"{number}.json").write_text(json.dumps(message))

    return folder


@pytest.mark.parametrize(
    ("agents", "write"), [(DOCUMENTS, document), (FOLDERS, events)]
)
def test_elements_and_events_are_shown_and_counted_one_by_one(
    tmp_path: Path, agents: AgentRegistry, write: Callable[[Path], Path]
) -> None:
    path, truth = write(tmp_path), Truth(usage=TruthUsage(requests=2, output=7))

    check = check_logs(agents["toy"], logs_at(agents["toy"], tmp_path), truth)

    assert [(each.path, each.session_id) for each in check.files] == [(str(path), "s")]
    assert [each.verdict for each in check.lines] == ["counted", "counted", "malformed"]
    assert [each.events for each in check.lines[:2]] == [["UsageReported"]] * 2
    assert isinstance(check.totals, LogTotals)
    assert check.differing == []


def test_each_session_in_a_log_is_read_by_a_reader_of_its_own(tmp_path: Path) -> None:
    one, two = [{"id": "m1", "output": 3}], [{"id": "m2", "output": 4}]
    path = tmp_path / ".toy" / "all.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"sessions": {"a": one, "b": two}}))

    check = check_logs(THREADS["toy"], logs_at(THREADS["toy"], path))

    assert [(each.session_id, each.lines) for each in check.files] == [
        ("a", 1),
        ("b", 1),
    ]
    assert [(each.file, each.line) for each in check.lines] == [(0, 1), (1, 1)]
    assert (check.totals.requests, check.totals.output) == (2, 7)


def test_a_count_that_no_log_has_is_not_compared(tmp_path: Path) -> None:
    path = document(tmp_path)
    truth = Truth(usage=TruthUsage(requests=2, output=7, reasoning=4))
    agent = DOCUMENTS["toy"]
    about = replace(agent.about, uncounted=frozenset({"reasoning"}))

    told = check_logs(agent, logs_at(agent, path), truth)
    known = replace(agent, about=about)
    silent = check_logs(known, logs_at(known, path), truth)

    assert told.differing == ["reasoning"]
    assert silent.differing == []
    assert silent.expected == {"requests": 2, "output": 7}
