"""How recorded transcripts grew: their final bytes, cut as they came.

A recording tells when a file was seen to have how many whole lines, and whether an
unfinished one followed. Its bytes were changed afterwards (fillers stand for vendors'
texts), so that lines and not sizes say where to cut.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import anyio

from tests.e2e.home import append_bytes

TREES = (".claude/projects", ".codex/sessions")


@dataclass(frozen=True, slots=True)
class Piece:
    """What a file gained at one moment; *at* is from 0 to 1 over the recording."""

    at: float
    path: str
    data: bytes


class Count(NamedTuple):
    """What a transcript holds, counted from all its bytes at once."""

    lines: int
    chars: int
    malformed: int


def recorded_pieces(runs: Sequence[Path]) -> list[Piece]:
    """Return how all transcripts of *runs* grew, as if all ran at the same time."""
    pieces = [piece for run in runs for piece in _pieces_of(run)]
    return sorted(pieces, key=lambda piece: piece.at)


async def replay(pieces: Sequence[Piece], home: Path, *, seconds: float) -> None:
    """Let the files grow again below *home*, in so many seconds."""
    start = anyio.current_time()
    for piece in pieces:
        await anyio.sleep_until(start + piece.at * seconds)
        path = home / piece.path
        path.parent.mkdir(parents=True, exist_ok=True)
        append_bytes(path, piece.data)


def count(data: bytes) -> Count:
    """Count a whole file, plainly and with nothing of the product's code."""
    texts = [each.removesuffix(b"\r") for each in data.split(b"\n")[:-1]]
    lines = [each.decode(errors="replace") for each in texts if each.strip()]
    malformed = sum(not _is_record(line) for line in lines)
    return Count(len(lines), sum(map(len, lines)), malformed)


def _pieces_of(run: Path) -> Iterator[Piece]:
    log = (run / "_run/fsevents.jsonl").read_bytes()
    events = [
        event
        for event in map(json.loads, log.splitlines())
        if event["op"] in {"create", "append"} and _is_transcript(event["path"])
    ]
    first, last = events[0]["t"], events[-1]["t"]
    finals = {event["path"]: event for event in events}
    ends = {path: _line_ends((run / path).read_bytes()) for path in finals}
    lines, done = dict.fromkeys(finals, 0), dict.fromkeys(finals, 0)
    for event in events:
        path = event["path"]
        lines[path] += event["lines"]
        cut = _cut(ends[path], lines[path], torn=event["open_tail"])
        if event is finals[path]:
            cut = ends[path][-1]

        data = (run / path).read_bytes()[done[path] : cut]
        done[path] = cut
        yield Piece((event["t"] - first) / max(0.001, last - first), path, data)


def _cut(ends: list[int], lines: int, *, torn: bool) -> int:
    end, following = ends[lines], ends[min(lines + 1, len(ends) - 1)]
    return (end + following) // 2 if torn else end


def _line_ends(data: bytes) -> list[int]:
    """Return where each line ends, after a 0 for the start."""
    ends = [0]
    while (at := data.find(b"\n", ends[-1])) >= 0:
        ends.append(at + 1)

    return ends


def _is_transcript(path: str) -> bool:
    return path.startswith(TREES) and path.endswith(".jsonl")


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
