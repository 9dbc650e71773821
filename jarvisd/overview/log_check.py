"""Checks of an agent's reader without a daemon: logs in, what became of each line out.

Everything is read by the agent's own reader and counted by the ledger's own engine, both
in the process of the caller, so what is shown is what the daemon would count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from jarvisd.base.clock import SystemClock
from jarvisd.base.errors import SourceError
from jarvisd.base.usage import NO_TOKENS
from jarvisd.core.agent import (
    Agent,
    AgentReader,
    AgentRegistry,
    ReaderContext,
    discover_agents,
)
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.record import Drift, Record
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.sources.blocking_source import BlockingSource
from jarvisd.core.sources.jsonlines.line_file import lines_of
from jarvisd.core.sources.jsonlines.lines import (
    Condense,
    ItemLine,
    Oversize,
    TextLine,
    is_blank,
)
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.explain import MALFORMED, OVERSIZE, Explainer
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.ledger.model import VOID_RANK
from jarvisd.ledger.row_cache import KeySet, RowCaches
from jarvisd.overview.health_wire import DriftItem

_MAX_DEPTH = 8
"""Folders above a log that are tried as the root of the agent's tree."""

_SUFFIX = ".jsonl"


class CheckedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one line: its record, the row it made, and what is unknown of it.

    *file* is the index of its file, *line* its number from 1 among lines that are not
    blank, or among the elements of a document or the rows of a database; *events* are
    the names of the record's events. *item* is the name of an element or a row.
    """

    file: int
    line: int
    offset: int
    kind: str
    events: list[str]
    verdict: str
    reason: str
    unknown: list[str]
    item: str | None = None


class CheckedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One session in a log, as far as it was read; *error* is why not to its end."""

    path: str
    session_id: str | None
    lines: int
    malformed: int
    error: str | None


class LogTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What all logs together count."""

    requests: int
    input_uncached: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    tool_calls: int
    user_prompts: int


class TruthUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts in a truth file; what is absent is not compared."""

    requests: int | None = None
    input_uncached: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """A truth file: what really happened in a run whose logs are checked.

    *usage* is what the logs must add up to. Recordings know what went over the wire
    instead: *usage_completed* of responses that ended, *usage_total* of all, *aborted*
    those that were cut, *usage_by_kind* of requests by what they were for: of these the
    kinds that the agent never logs are subtracted. *tool_calls* and *user_prompts* are
    lists, or their lengths; an empty list of prompts means that they were not recorded.
    """

    usage: TruthUsage | None = None
    usage_completed: TruthUsage | None = None
    usage_total: TruthUsage | None = None
    usage_by_kind: dict[str, TruthUsage] = {}
    aborted: list[Raw] = []
    tool_calls: int | list[Raw] | None = None
    user_prompts: int | list[Raw] | None = None


class LogCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The whole check; *expected* is None without a truth, *differing* names figures."""

    agent: str
    files: list[CheckedFile]
    lines: list[CheckedLine]
    unknown: list[DriftItem]
    totals: LogTotals
    expected: dict[str, int] | None
    differing: list[str]


def known_agents(*packages: str) -> AgentRegistry:
    """Return the agents that can be read; *packages* hold some besides our own."""
    return discover_agents("jarvisd.agents", *packages)


class FoundLog(NamedTuple):
    """One log: where it is, what its name says, and how it is read if not by lines."""

    path: Path
    place: Place
    kind: SourceKind | None


def logs_at(agent: Agent, path: Path) -> list[FoundLog]:
    """Return the logs at *path*.

    *path* is one log, or a folder: a home, a root of the agent, or one with logs in it.
    """
    if not path.is_dir():
        found = _log_at(agent, path) or FoundLog(path, Place(), None)
        return [found] if path.exists() else []

    logs: dict[Path, FoundLog] = {}
    for tree in agent.roots({}, path, (path,)):
        for each in sorted(tree.root.rglob("*")) if tree.root.is_dir() else ():
            plain = _uncompressed(tree, each)
            place = tree.place(plain.relative_to(tree.root).parts)
            if place is not None and each.is_file():
                log = found_log(tree, each, place)
                logs.setdefault(_uncompressed(tree, log.path), log)

    if not logs:
        for each in sorted(path.rglob("*")):
            elsewhere = _log_at(agent, each) if each.is_file() else None
            if elsewhere is not None:
                logs.setdefault(elsewhere.path, elsewhere)

    return list(logs.values())


def check_logs(
    agent: Agent, logs: Sequence[FoundLog], truth: Truth | None = None
) -> LogCheck:
    """Read *logs* as the daemon would, and compare their totals with *truth*."""
    check = _Check(agent)
    for log in logs:
        check.read(log)

    totals = check.totals()
    expected = None if truth is None else _expected(agent, truth)
    counted = msgspec.structs.asdict(totals)
    return LogCheck(
        agent=agent.name,
        files=check.files,
        lines=check.lines,
        unknown=[
            DriftItem(kind=drift.kind, name=drift.name, count=count)
            for drift, count in sorted(check.unknown.items())
        ],
        totals=totals,
        expected=expected,
        differing=[
            name for name, value in (expected or {}).items() if counted[name] != value
        ],
    )


@dataclass(slots=True)
class _Stream:
    """One session that a log carries, and what is remembered of it from line to line."""

    number: int
    session_id: SessionId | None
    ledger: LedgerStream
    explainer: Explainer
    reader: AgentReader
    lines: int = 0
    malformed: int = 0


@dataclass(slots=True)
class _Check:
    """The engines of one check, and what they made of the lines so far."""

    agent: Agent
    files: list[CheckedFile] = field(default_factory=list)
    lines: list[CheckedLine] = field(default_factory=list)
    unknown: dict[Drift, int] = field(default_factory=dict)
    _rows: RowCaches = field(default_factory=lambda: RowCaches.empty(KeySet(), 0))
    _explainers: dict[SessionId, Explainer] = field(default_factory=dict)
    _ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        traits = self.agent.traits
        self._ledger = Ledger(lambda *_: None, traits_of=lambda _name: traits)

    def read(self, log: FoundLog) -> None:
        """Read one log to its end, each session in it by a reader of its own."""
        streams: dict[str, _Stream] = {}
        error = None
        try:
            for name, line in log_lines(log, self.agent.condense):
                stream = streams.get(name)
                if stream is None:
                    number = len(self.files) + len(streams)
                    stream = streams[name] = self._open(log, name, number)

                if isinstance(line, Oversize) or not is_blank(line.text):
                    self._add(line, stream)
        except SourceError as exc:
            error = exc.reason
        except OSError as exc:
            error = exc.strerror or str(exc)

        if not streams:
            streams[""] = self._open(log, "", len(self.files))

        self._ledger.applied()
        self.files += [
            CheckedFile(
                path=str(log.path),
                session_id=each.session_id,
                lines=each.lines,
                malformed=each.malformed,
                error=error,
            )
            for each in streams.values()
        ]

    def _open(self, log: FoundLog, name: str, number: int) -> _Stream:
        """Return the stream *name* of *log*; "" is all of a log of one session."""
        session_id = SessionId(name) if name else log.place.session_id
        parent = log.place.parent_session_id
        origin = Origin(
            block_id=BlockId(f"{log.path}{name and ' '}{name}"),
            kind=Kind.TRANSCRIPT,
            agent=self.agent.name,
            path=str(log.path),
            session_id=session_id,
            parent_session_id=parent,
        )
        whose = session_id or SessionId(origin.block_id)
        explainer = self._explainers.setdefault(
            whose, Explainer(self.agent.name, whose, self._rows)
        )
        explainer.begin(origin)
        return _Stream(
            number=number,
            session_id=session_id,
            ledger=LedgerStream.open(origin, version=self.agent.version),
            explainer=explainer,
            reader=self.agent.reader(
                ReaderContext(session_id, parent, log.place.cwd), b""
            ),
        )

    def totals(self) -> LogTotals:
        """Return the totals of all lines."""
        sessions = list(self._ledger.sessions())
        tokens = sum((each.tokens for each in sessions), NO_TOKENS)
        batch = self._ledger.take()
        rows = () if batch is None else batch.calls
        calls = [each for each in rows if each.tool is not None]
        return LogTotals(
            requests=sum(each.messages for each in sessions),
            input_uncached=tokens.input,
            cache_read=tokens.cache_read,
            cache_write=tokens.cache_write_5m + tokens.cache_write_1h,
            output=tokens.output,
            reasoning=tokens.reasoning,
            tool_calls=sum(each.rank != VOID_RANK for each in calls),
            user_prompts=sum(
                each.prompts for each in sessions if not each.parent_session_id
            ),
        )

    def _add(self, line: TextLine | Oversize, stream: _Stream) -> None:
        record, verdict, unknown = None, OVERSIZE, dict[Drift, None]()
        if isinstance(line, TextLine):
            record = stream.reader.read(line.text, offset=line.offset)
            verdict = MALFORMED
            if record is not None:
                verdict = stream.explainer.explain(record)
                self._ledger.apply(stream, record)
                unknown = dict.fromkeys((*record.drift, *self.agent.inspect(line.text)))

        for each in unknown:
            self.unknown[each] = self.unknown.get(each, 0) + 1

        stream.lines += 1
        stream.malformed += record is None
        self.lines.append(
            CheckedLine(
                file=stream.number,
                line=stream.lines,
                offset=line.offset,
                kind="" if record is None else record.kind,
                events=[] if record is None else list(_names(record)),
                verdict=verdict.word,
                reason=verdict.reason,
                unknown=[f"{each.kind} {each.name}" for each in unknown],
                item=line.item if isinstance(line, ItemLine) else None,
            )
        )


def log_lines(
    log: FoundLog, condense: Condense
) -> Iterator[tuple[str, TextLine | Oversize]]:
    """Yield the lines of *log*, each with its stream."""
    path = str(log.path)
    if log.kind is None:
        return (("", each) for each in lines_of(path, condense))

    return BlockingSource(path, log.kind, SystemClock()).all_lines(condense)


def _names(record: Record) -> Iterator[str]:
    for each in record.events:
        yield type(each).__name__


def _log_at(agent: Agent, path: Path) -> FoundLog | None:
    """Return the log that the file *path* is or is of, wherever its tree begins."""
    for tree in agent.roots({}, path.parent, (path.parent,)):
        parts = _uncompressed(tree, path.absolute()).parts
        for depth in range(min(_MAX_DEPTH, len(parts) - 1), 0, -1):
            place = tree.place(parts[-depth:])
            if place is not None:
                return found_log(tree, path, place)

        if tree.kind is None and path.suffix == _SUFFIX:
            return FoundLog(path, Place(), None)

    return None


def found_log(tree: Tree, path: Path, place: Place) -> FoundLog:
    """Return the log that the file *path*, which is in *place*, is or is of."""
    kind = place.kind or tree.kind
    source = path if kind is None else Path(kind.source_of(str(path)))
    return FoundLog(source, place, kind)


def _uncompressed(tree: Tree, path: Path) -> Path:
    """Return the path that *path* has while it is not compressed."""
    suffix = tree.compressed
    is_compressed = suffix and path.name.endswith(suffix)
    return path.with_name(path.name.removesuffix(suffix)) if is_compressed else path


def _expected(agent: Agent, truth: Truth) -> dict[str, int]:
    """Return the totals that the logs of *agent* must have."""
    usage: TruthUsage | None = truth.usage
    completed, total = truth.usage_completed, truth.usage_total
    if usage is None and completed is not None:
        usage = completed
        part = agent.about.interrupted_output
        if total is not None and part is not None:
            output = (completed.output or 0) + part * len(truth.aborted)
            usage = msgspec.structs.replace(total, output=output)

    found: dict[str, Any] = {} if usage is None else msgspec.structs.asdict(usage)
    if truth.usage is None:
        for kind in agent.about.unlogged & truth.usage_by_kind.keys():
            unlogged = msgspec.structs.asdict(truth.usage_by_kind[kind])
            found |= {
                name: value - (unlogged[name] or 0)
                for name, value in found.items()
                if value is not None
            }

    for name, entries in (
        ("tool_calls", truth.tool_calls),
        ("user_prompts", None if truth.user_prompts == [] else truth.user_prompts),
    ):
        found[name] = len(entries) if isinstance(entries, list) else entries

    uncounted = agent.about.uncounted
    return {
        name: value
        for name, value in found.items()
        if value is not None and name not in uncounted
    }
