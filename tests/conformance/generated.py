"""Generated logs, and what is true of them: by the generator, and by plain reading."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpora import END, Corpus, generate

Json = dict[str, Any]

LOGS = f"--size 20MB --files 100 --seed 1 --days 30 --fork 0.2 --end {END}".split()
"""Streamed copies, forks, subagents, two agents; all of it long ago."""

UNREAL = "<synthetic>"


@dataclass(frozen=True, slots=True)
class Truth:
    """What the logs hold.

    Attributes:
        corpus: The files.
        expected: What the generator says that it wrote.
        spans: By session, the times of its first and its last line.
        families: By session that shares responses with others, all of these and it.
        unreal: Times of what agents wrote in a model's name.

    """

    corpus: Corpus
    expected: Json
    spans: dict[str, tuple[str, str]]
    families: dict[str, frozenset[str]]
    unreal: list[str]


def generated(root: Path) -> Truth:
    """Generate the logs in the new folder *root*, and read them."""
    corpus = generate(root, *LOGS)
    expected = json.loads((root / "expected.json").read_bytes())
    spans, unreal = {}, []
    holders: dict[str, set[str]] = defaultdict(set)
    for session, told in expected["sessions"].items():
        lines = list(_lines(root, told["files"]))
        times = [each["timestamp"] for each in lines if "timestamp" in each]
        spans[session] = min(times), max(times)
        for line in lines:
            if line["type"] != "assistant":
                continue

            if line["message"]["model"] == UNREAL:
                unreal.append(line["timestamp"])
            else:
                holders[line["message"]["id"]].add(session)

    return Truth(corpus, expected, spans, _families(holders.values()), unreal)


def _lines(root: Path, files: Iterable[str]) -> Iterator[Json]:
    for name in files:
        with (root / name).open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def _families(groups: Iterable[Collection[str]]) -> dict[str, frozenset[str]]:
    """Join *groups* that have a member in common."""
    families: dict[str, frozenset[str]] = {}
    for group in groups:
        if len(group) > 1:
            joined = frozenset(group).union(*(families.get(one, ()) for one in group))
            families |= dict.fromkeys(joined, joined)

    return families
