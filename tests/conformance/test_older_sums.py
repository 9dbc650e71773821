"""Sessions of Copilot CLI without usage records, against the sums at their ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvisd.ledger.model import ResponseRow
from tests.conformance.replay import recordings
from tests.conformance.shared import needs_shared
from tests.ledger.books import block, read_all

pytestmark = [pytest.mark.conformance, needs_shared("replay")]

START, END = "session.start", "session.shutdown"
NANOS_PER_MICRO = 100_000


def sessions_of(folder: Path) -> list[tuple[list[bytes], dict[str, Any]]]:
    """Return the sessions of a recording that ended in order, with their last sums."""
    found: dict[str, list[bytes]] = {}
    ends: dict[str, dict[str, Any]] = {}
    session = ""
    for text in (folder / "transcript.jsonl").read_bytes().splitlines():
        event = json.loads(text)
        if event["type"] == START:
            session = event["data"]["sessionId"]

        found.setdefault(session, []).append(text)
        if event["type"] == END:
            ends[session] = event["data"]

    return [(found[each], ends[each]) for each in ends]


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(each, id=f"{each.parents[1].name}-{each.name}")
        for each in recordings("copilot")
    ],
)
def test_what_is_counted_is_what_the_provider_billed(folder: Path) -> None:
    for lines, end in sessions_of(folder):
        books = read_all(block(lines, agent="copilot", name="a"))

        rows = [r for r in books.store.rows.values() if isinstance(r, ResponseRow)]
        tokens, details = books.tokens(), end.get("tokenDetails", {})
        sums = {name: each["tokenCount"] for name, each in details.items()}
        assert tokens.input == sums.get("input", 0)
        assert tokens.output == sums.get("output", 0)
        assert tokens.cache_read == sums.get("cache_read", 0)
        assert tokens.cache_write_5m == sums.get("cache_write", 0)

        requests = [each["requests"] for each in end["modelMetrics"].values()]
        assert len(rows) == sum(each["count"] for each in requests)
        billed = sum(each.stated_micros or 0 for each in rows)
        assert abs(billed - end["totalNanoAiu"] / NANOS_PER_MICRO) <= len(rows)
