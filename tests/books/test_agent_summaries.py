"""Agents of every kind of source are found, with the version of their newest log."""

import os
from pathlib import Path

import pytest

from jarvisd.core.agent import AgentRegistry, discover_agents
from jarvisd.overview.agent_summaries import AgentSummary, summarize
from tests import toy_agents
from tests.agents.found import AGENTS
from tests.books.test_log_check import events
from tests.discovery.test_source_kinds import FOLDERS
from tests.toy_agents.writers import NotebookDatabase, NotebookFile

TOYS = discover_agents("jarvisd.agents", toy_agents.__name__)


def summary(agents: AgentRegistry, name: str, home: Path) -> AgentSummary:
    (found,) = (each for each in summarize(agents, {}, home, {}) if each.name == name)
    return found


def test_a_database_is_found_with_its_version(tmp_path: Path) -> None:
    database = NotebookDatabase(tmp_path)
    database.open_session("s1", "/home/me")
    database.write("s1", "m1", at_ms=1, role="user", text="Draw.")
    newest_ms = max(
        each.stat().st_mtime_ns // 1_000_000 for each in database.path.parent.iterdir()
    )

    found = summary(TOYS, "notebook_db", tmp_path)
    database.close()

    assert (found.kinds, found.version, found.logs) == (["database"], "1.2.0", 1)
    assert found.last_activity_ms == newest_ms


def test_a_document_is_found_with_the_version_of_the_newest(tmp_path: Path) -> None:
    for session, version in (("s1", "0.9.5"), ("s2", "0.9.4")):
        document = NotebookFile(tmp_path, session, "/home/me")
        document.header["version"] = version
        document.write("1", type="prompt", text="Draw.")
        at_s = 1_000 if session == "s2" else 2_000
        os.utime(document.path, (at_s, at_s))

    found = summary(TOYS, "notebook_doc", tmp_path)

    assert (found.kinds, found.version, found.logs) == (["document"], "0.9.5", 2)
    assert found.last_activity_ms == 2_000_000


def test_a_folder_of_events_is_one_log(tmp_path: Path) -> None:
    events(tmp_path)

    found = summary(FOLDERS, "toy", tmp_path)

    assert (found.kinds, found.version, found.logs) == (["event files"], None, 1)


@pytest.mark.parametrize("text", [b"", b"{", b"\0" * 100, b'{"session": 7}'])
def test_a_log_that_cannot_be_read_names_no_version(
    tmp_path: Path, text: bytes
) -> None:
    for path in (".notebook-doc/sessions/s.json", ".notebook-db/notebook.db"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(text)

    for name in ("notebook_doc", "notebook_db"):
        found = summary(TOYS, name, tmp_path)
        assert (found.version, found.logs) == (None, 1)


def test_each_agent_of_ours_is_in_it_where_nothing_is_installed(tmp_path: Path) -> None:
    found = summarize(AGENTS, {}, tmp_path, {})

    assert {each.name for each in found} >= set(AGENTS.names) - {"text"}
    assert not [each for each in found if each.found or each.logs or each.version]
