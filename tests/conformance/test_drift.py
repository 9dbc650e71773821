"""What agents write today is known to the last type and field."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvisd.core.agent import Agent
from jarvisd.core.drift import DriftLog
from jarvisd.core.sources.jsonlines.lines import TextLine
from tests.agents.found import AGENTS, fresh_reader
from tests.conformance.shared import SHARED, needs_shared

pytestmark = [pytest.mark.conformance, needs_shared(), needs_shared("recordings")]


def logs(agent: Agent) -> Iterator[Path]:
    """Yield transcripts, and what programs printed that were read as they ran."""
    for folder in ("corpus", "recordings"):
        for home in sorted((SHARED / folder / agent.name).glob("*/")):
            yield from sorted((home / "_run").glob("*.stdout"))
            for tree in agent.roots({}, home, ()):
                yield from sorted(tree.root.rglob("*.jsonl"))


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_nothing_in_todays_logs_is_unknown(name: str) -> None:
    agent, log = AGENTS[name], DriftLog()
    versions, lines, found = set(), 0, []
    for path in logs(agent):
        texts = [TextLine(0, each) for each in path.read_bytes().splitlines()]
        reader = fresh_reader(agent)
        records = [reader.read(each.text, offset=0) for each in texts]
        versions.add(log.read(agent, texts, records, "", now_ms=1_000))
        lines += len(texts)
        inspected = [agent.inspect(each.text) for each in texts]
        found += [f"{path.name}: {each}" for each in inspected if each]

    assert lines > 900
    assert not found
    assert not log.versions(), "raise Tested.newest, or teach the reader"
    assert agent.tested is not None
    assert agent.tested.newest in versions
