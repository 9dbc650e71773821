"""What each agent's reader costs for its own items, held against Claude's reader.

The items are those of all recorded runs of the agent in ../shared, as its sources hand
them to its reader; without recordings, those of its samples. Recorded texts are short,
and how short differs from agent to agent: so they grow in the middle until items have the
same mean length as Claude's, once a short one and once a longer one. Much longer items
(system prompts, schemas of tools) are left out: sessions have one or two of them.

Items are fed in order, each stream to a reader of its own, again and again until there
are enough. A run of Claude's reader, of the agent's and of the floor take turns, and
only the ratio within a turn counts. The floor is a decoder that wants one field: no
reader of JSON can be faster.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks.effort import Effort
from benchmarks.floor import OneField
from benchmarks.rows import Row
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.record import Record
from jarvisd.overview.log_check import check_logs, known_agents, logs_at

MODEL = "claude"
RUN_BYTES = 3_000_000
MEAN_BYTES = (1_000, 3_000)
LONGEST = 4
"""Items that are more than so many times as long as the mean are left out."""
FILLER = 'of that, see "here" and the others\n'
NOT_JSON = {"aider"}
"""Their lines are prose: the floor of a JSON decoder tells nothing of them."""
NO_AGENTS = {"text"}
"""The reader of lines of any program, of which nothing but their time is read."""

_REPOSITORY = Path(__file__).resolve().parents[2]
_SHARED = Path(os.environ.get("JARVISD_SHARED", _REPOSITORY.parent / "shared"))
_decode = msgspec.json.Decoder(OneField).decode


class Stream(NamedTuple):
    """The items of one session with their offsets, and what its name says."""

    context: ReaderContext
    items: list[tuple[bytes, int]]


class Turn(NamedTuple):
    """CPU seconds for a byte: of Claude's reader, of the agent's, and of the floor."""

    model: float
    agent: float
    floor: float


class _ItemRecorder:
    """A reader that keeps what it is given."""

    def __init__(self, reader: AgentReader, stream: Stream) -> None:
        self._reader, self._stream = reader, stream

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Keep *text*, and return its record."""
        self._stream.items.append((text, offset))
        return self._reader.read(text, offset=offset)

    def memory(self) -> bytes:
        """Return the encoded state of the reader."""
        return self._reader.memory()


def measure(effort: Effort) -> list[Row]:
    agents = known_agents()
    rows, model = [], agents[MODEL]
    of_model = {mean: resized(streams_of(model), mean) for mean in MEAN_BYTES}
    for agent in agents:
        recorded = [] if agent.name in NO_AGENTS else streams_of(agent)
        for mean, streams in of_model.items() if recorded else ():
            own = resized(recorded, mean)
            turns = _turns(effort.runs(9), model, streams, agent, own)
            rows.append(_row(agent, mean, own, turns))

    return rows


def streams_of(agent: Agent) -> list[Stream]:
    """Return the streams of all recorded runs of *agent*, or of its samples."""
    streams: list[Stream] = []

    def recorder(context: ReaderContext, saved: bytes) -> AgentReader:
        streams.append(Stream(context, []))
        return _ItemRecorder(agent.reader(context, saved), streams[-1])

    recorded = msgspec.structs.replace(agent, reader=recorder)
    folder = agent.name.removesuffix("_cli")  # as the recordings are called
    for corpus in ("corpus", "recordings"):
        for home in sorted((_SHARED / corpus / folder).glob("*/")):
            check_logs(recorded, logs_at(agent, home))

    if not any(each.items for each in streams):
        samples = _REPOSITORY / "jarvisd/agents" / agent.name / "samples"
        for path in sorted((*samples.glob("*.jsonl"), *samples.glob("*.txt"))):
            lines = enumerate(path.read_bytes().splitlines())
            streams.append(Stream(ReaderContext(), [(text, n) for n, text in lines]))

    return [each for each in streams if each.items]


def resized(streams: list[Stream], mean: int) -> list[Stream]:
    """Return *streams* with texts so long that the mean of all items is *mean* bytes.

    Items without a text, such as lines of prose and rows of numbers, stay as they are.
    """
    kept = [each for found in streams for each in found.items if _is_kept(each, mean)]
    growing = sum(_longest_text(text) is not None for text, _ in kept)
    missing = mean * len(kept) - sum(len(text) for text, _ in kept)
    more = max(0, missing) // max(1, growing)
    return [
        Stream(
            context,
            [
                (_grown(text, more), at)
                for text, at in items
                if _is_kept((text, at), mean)
            ],
        )
        for context, items in streams
    ]


def _is_kept(item: tuple[bytes, int], mean: int) -> bool:
    return len(item[0]) <= LONGEST * mean


def _grown(text: bytes, by: int) -> bytes:
    found = _longest_text(text)
    if found is None:
        return text

    value, holder, key = found
    words = holder[key]
    middle = len(words) // 2
    filler = (FILLER * (by // len(FILLER) + 1))[: by * len(FILLER) // (len(FILLER) + 3)]
    holder[key] = words[:middle] + filler + words[middle:]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _longest_text(text: bytes) -> tuple[Any, Any, Any] | None:
    """Return the object *text*, and what holds its longest text that is no JSON."""
    try:
        value = json.loads(text)
        text.decode()
    except ValueError:
        return None

    best, found, holders = 16, None, [value]
    while holders:
        holder = holders.pop()
        pairs: Any = ()
        if isinstance(holder, dict):
            pairs = holder.items()
        elif isinstance(holder, list):
            pairs = enumerate(holder)

        for key, each in pairs:
            if not isinstance(each, str):
                holders.append(each)
            elif len(each) > best and _grows(key, each):
                best, found = len(each), (value, holder, key)

    return found


def _grows(key: str | int, text: str) -> bool:
    """Whether *text* may be longer in another session: no JSON, no name, no error."""
    is_error = isinstance(key, str) and "error" in key.casefold()
    return " " in text and text[0] not in "{[" and not is_error


def _turns(
    count: int, model: Agent, streams: list[Stream], agent: Agent, own: list[Stream]
) -> list[Turn]:
    def floor(_: ReaderContext, __: bytes) -> AgentReader:
        return _Floor()

    rounds = [
        (model.reader, streams),
        (agent.reader, own),
        (floor, [] if agent.name in NOT_JSON else own),
    ]
    return [Turn(*(_cost(make, found) for make, found in rounds)) for _ in range(count)]


class _Floor:
    def read(self, text: bytes, *, offset: int) -> Record | None:  # noqa: ARG002 - the signature is that of readers
        """Decode one field."""
        try:
            _decode(text)
        except msgspec.DecodeError:  # of a strange item, found soon
            return None

        return None

    def memory(self) -> bytes:
        """Return nothing."""
        return b""


def _cost(
    make: Callable[[ReaderContext, bytes], AgentReader], streams: list[Stream]
) -> float:
    size = _bytes(streams)
    if not size:
        return 0.0

    times = -(-RUN_BYTES // size)
    started = time.thread_time()
    for _ in range(times):
        for context, items in streams:
            read = make(context, b"").read
            for text, offset in items:
                read(text, offset=offset)

    return (time.thread_time() - started) / (times * size)


def _row(agent: Agent, mean: int, streams: list[Stream], turns: list[Turn]) -> Row:
    items = sum(len(each.items) for each in streams)
    length = _bytes(streams) / items
    cost = median([each.agent for each in turns])
    note = f"{1e-6 / cost:.0f} MB/CPU-s, {cost * length * 1e6:.1f} us an item"
    if abs(length - mean) > mean / 20:
        note += f" of {length:,.0f} B"

    floors = [each.model / each.floor for each in turns if each.floor]
    if floors:
        note += f"; floor {median(floors):.1f} of Claude's reader"

    return Row(
        figure=f"read {agent.name}, {mean:,} B an item",
        samples=tuple(each.model / each.agent for each in turns),
        unit="of Claude's",
        must=0.5,
        ambition=0.8,
        more_is_better=True,
        observations=items,
        note=note,
    )


def _bytes(streams: list[Stream]) -> int:
    return sum(len(text) for each in streams for text, _ in each.items)
