"""One line of megabytes: how long the loop is held by any of its pieces, and memory.

A line of each of the worst shapes is cut and parsed as a file's slices are; the figure
is the longest of all steps, in CPU time. Memory is that of the real daemon.
"""

import time

from benchmarks import proc
from benchmarks.effort import Effort
from benchmarks.home import new_home
from benchmarks.rig import running
from benchmarks.rows import Row
from jarvisd import agents
from jarvisd.core.agent import ReaderContext, discover_agents
from jarvisd.core.sources.jsonlines.lines import LineSplitter, TextLine
from jarvisd.core.sources.jsonlines.stream import LONG_STEP_BYTES

MIB = 1024 * 1024
_MESSAGE = b'{"type":"assistant","message":{"id":"m","content":['
SHAPES = {
    "objects": (_MESSAGE, b"{},", b"1]}}"),
    "calls": (_MESSAGE, b'{"type":"tool_use","id":"t","name":"Bash"},', b"1]}}"),
    "lists in lists": (_MESSAGE, b"[" * 30 + b"]" * 30 + b",", b"1]}}"),
    "not wanted": (b'{"type":"user","a":[', b"{},", b"1]}"),
    "records": (b'{"type":"user","a":[', b'{"k":"value","n":12,"l":[1,{}]},', b"1]}"),
    "members": (b'{"type":"user",', b'"a":0,', b'"b":1}'),
    "members of lists": (b'{"type":"user",', b'"a":[[0]],', b'"b":1}'),
    "text": (b'{"type":"user","message":{"content":"', b'some \\"text\\"\\n', b'"}}'),
}
"""How a line begins, what it then repeats, and how it ends."""


def measure(effort: Effort) -> list[Row]:
    runs = range(effort.runs(5))
    holds = {size: tuple(_worst_ms(size) for _ in runs) for size in (4, 64)}
    peaks = tuple(_peak_mb(64) for _ in range(effort.runs(3)))
    return [
        Row(
            figure="one line of 4 MiB, longest hold of the loop",
            samples=holds[4],
            unit="ms CPU",
            must=20,
        ),
        Row(
            figure="one line of 64 MiB, longest hold of the loop",
            samples=holds[64],
            unit="ms CPU",
            must=20,
        ),
        Row(
            figure="lines of 64 MiB, peak memory",
            samples=peaks,
            unit="MB",
            must=256,
            ambition=100,
        ),
    ]


def _line(shape: str, size_mib: int) -> bytes:
    begin, unit, end = SHAPES[shape]
    repeats = (size_mib * MIB - len(begin) - len(end)) // len(unit)
    return b"%b%b%b\n" % (begin, unit * repeats, end)


def _worst_ms(size_mib: int) -> float:
    return max(_longest_ms(_line(shape, size_mib)) for shape in SHAPES)


def _longest_ms(text: bytes) -> float:
    """Return how long the longest step takes in which *text* is taken in."""
    agent, longest = discover_agents(agents.__name__)["claude"], 0.0
    reader = agent.reader(ReaderContext(), b"")
    splitter = LineSplitter(condense=agent.condense)
    for at in range(0, len(text), LONG_STEP_BYTES):
        piece = text[at : at + LONG_STEP_BYTES]
        started = time.thread_time()
        for line in splitter.feed(piece):
            assert isinstance(line, TextLine)
            reader.read(line.text, offset=line.offset)
            agent.messages(line.text)

        longest = max(longest, time.thread_time() - started)

    return longest * 1000


def _peak_mb(size_mib: int) -> float:
    """Return the most memory of a daemon that reads a line of each shape."""
    with new_home() as home, running(home) as daemon:
        for shape in SHAPES:
            path = home.folder / f".claude/projects/-home-dev/{shape}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_line(shape, size_mib))
            daemon.read_all()
            path.write_bytes(b"")

        return proc.peak_mb(daemon.pid)
