"""Documents of real agents: read as their kinds say, they have what the server sent."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from jarvisd.core.sources.document.description import DocumentKind
from jarvisd.core.sources.document.document_source import DocumentSource
from jarvisd.core.sources.document.event_folder import EventFolder
from tests.conformance.shared import SHARED, needs_shared
from tests.sources.document.counting import Counted, SteppedClock, drain
from tests.sources.document.kinds import (
    CLINE,
    CONTINUE,
    OPENHANDS,
    OPENHANDS_EVENTS,
)

pytestmark = [pytest.mark.conformance, needs_shared("recordings")]

RECORDINGS = SHARED / "recordings"
LATER = SteppedClock(unix_ms=4_000_000_000_000)
"""By which all files have rested, whenever they were copied."""


def runs(agent: str) -> list[Path]:
    return sorted(path.parent for path in RECORDINGS.glob(f"{agent}/*/truth.json"))


def truth(run: Path) -> tuple[int, int]:
    """Return how many answers a run had, and their output tokens."""
    usage = json.loads((run / "truth.json").read_bytes())["usage_completed"]
    return usage["requests"], usage["output"]


def bodies(kind: DocumentKind, paths: Iterable[Path]) -> list[Any]:
    """Return the content of each element of the documents at *paths*."""
    counted: list[Any] = []
    for path in paths:
        source = DocumentSource(str(path), kind, LATER)
        one = drain(source, Counted())
        assert one.fault is None
        assert one.items == len(one.bodies)
        counted += map(json.loads, one.last.values())

    return counted


@pytest.mark.parametrize("run", runs("cline"), ids=lambda run: run.name)
def test_cline(run: Path) -> None:
    paths = run.glob(".cline/data/sessions/*/*.messages.json")
    metrics = [each["metrics"] for each in bodies(CLINE, paths) if each.get("metrics")]
    assert (len(metrics), sum(each["outputTokens"] for each in metrics)) == truth(run)


@pytest.mark.parametrize("run", runs("continue"), ids=lambda run: run.name)
def test_continue(run: Path) -> None:
    paths = [
        path
        for path in run.glob(".continue/sessions/*.json")
        if path.name != "sessions.json"
    ]
    usages = [
        each["message"]["usage"]
        for each in bodies(CONTINUE, paths)
        if each.get("message", {}).get("usage")
    ]
    assert (
        len(usages),
        sum(each["completion_tokens"] for each in usages),
    ) == truth(run)


@pytest.mark.parametrize("run", runs("openhands"), ids=lambda run: run.name)
def test_openhands(run: Path) -> None:
    usages = [
        each
        for each in bodies(
            OPENHANDS, run.glob(".openhands/conversations/*/base_state.json")
        )
        if isinstance(each, dict)
    ]
    assert (
        len(usages),
        sum(each["completion_tokens"] for each in usages),
    ) == truth(run)
    for folder in run.glob(".openhands/conversations/*/events"):
        source = EventFolder(str(folder), OPENHANDS_EVENTS, LATER)
        counted = drain(source, Counted())
        assert counted.items == len(list(folder.glob("event-*.json")))
        assert counted.order == sorted(counted.order)
