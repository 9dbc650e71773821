"""A log of any kind is checked without a daemon, as the daemon would read it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jarvisd.core.agent import AgentRegistry
from jarvisd.overview.log_check import LogTotals, Truth, TruthUsage, check_logs, logs_at
from tests.discovery.test_source_kinds import DOCUMENTS, FOLDERS

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
