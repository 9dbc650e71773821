"""Samples of what agents write, and the records that their readers must give.

Each agent's folder has `samples/`: in NAME.jsonl or NAME.txt one item a line, made in our
own words after real ones, and in NAME.records.json what each of them says, without what
is left at its default. `python -m tests.agents.samples` writes the records anew; what it
changes is to be read before it is committed.
"""

import json
import os
import time
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from jarvisd.core.agent import AgentReader
from jarvisd.core.record import Record
from tests.agents.found import ALL_AGENTS, agent_folders, fresh_reader

SUFFIXES = {".jsonl", ".txt"}

os.environ["TZ"] = "UTC"  # some agents write times of the machine's zone
time.tzset()


def samples_of(agent: str) -> list[Path]:
    """Return the samples of an agent, each a stream of items."""
    found = (agent_folders()[agent] / "samples").glob("*.*")
    return sorted(each for each in found if each.suffix in SUFFIXES)


def items_of(sample: Path) -> list[bytes]:
    """Return the items of *sample*, in order."""
    return sample.read_bytes().splitlines()


def expected_of(sample: Path) -> Path:
    """Return where the records of *sample* are."""
    return sample.with_name(f"{sample.stem}.records.json")


def read_all(reader: AgentReader, items: list[bytes]) -> list[Record | None]:
    """Return the records of *items*, each at its place in the stream."""
    found, offset = [], 0
    for item in items:
        found.append(reader.read(item, offset=offset))
        offset += len(item) + 1

    return found


def shown(value: Any) -> Any:
    """Return *value* as JSON has it: structs without their defaults, events by name."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        pairs = ((each.name, getattr(value, each.name), each) for each in fields)
        told = {
            name: shown(found)
            for name, found, field in pairs
            if field.required or found != field.default
        }
        name = type(value).__name__
        return (
            {"event": name, **told} if "core.event" in type(value).__module__ else told
        )

    if isinstance(value, tuple | list):
        return [shown(each) for each in value]

    return value.value if isinstance(value, Enum) else value


def main() -> None:
    """Write the records of all samples anew."""
    for agent in ALL_AGENTS.names:
        for sample in samples_of(agent):
            records = read_all(fresh_reader(agent), items_of(sample))
            lines = [json.dumps(shown(each), ensure_ascii=False) for each in records]
            expected_of(sample).write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
