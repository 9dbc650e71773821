"""The accounts of sessions that others recorded of old and new versions.

Nobody knows what was sent over the wire, but a Codex thread says itself what it spent:
the account of a thread is its last running total.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.shared import SHARED, needs_shared
from tests.ledger.books import Books, block, read_all

pytestmark = [pytest.mark.conformance, needs_shared("replay")]


def recordings(agent: str) -> list[Any]:
    paths = sorted((SHARED / "replay" / agent).rglob("transcript.jsonl"))
    return [
        pytest.param(path, id=f"{path.parents[2].name}-{path.parent.name}")
        for path in paths
    ]


def read(path: Path, agent: str) -> Books:
    lines = path.read_bytes().splitlines()
    return read_all(block(lines, agent=agent, session="s1", name=str(path)))


def payloads(path: Path, kind: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in path.read_bytes().splitlines())
    return [each["payload"] for each in lines if each.get("type") == kind]


def running_totals(path: Path) -> list[int]:
    infos = (each.get("info") for each in payloads(path, "event_msg"))
    return [each["total_token_usage"]["total_tokens"] for each in infos if each]


@pytest.mark.parametrize("path", recordings("codex"))
def test_a_codex_thread_spent_what_it_says(path: Path) -> None:
    threads = {each["id"] for each in payloads(path, "session_meta")}
    if len(threads) > 1:
        pytest.skip("the recording holds several threads one after another")

    totals = running_totals(path)
    assert totals == sorted(totals)
    assert read(path, "codex").tokens().total == max(totals, default=0)


@pytest.mark.parametrize("path", recordings("claudecode"))
def test_every_line_of_claude_code_is_understood(path: Path) -> None:
    books = read(path, "claude")

    (session,) = books.ledger.sessions()
    assert books.malformed == 0
    assert session.spans.wall_ms >= session.spans.active_ms
