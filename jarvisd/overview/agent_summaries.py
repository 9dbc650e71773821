"""All agents that are known: which are found here, and how far each can be read.

Looked up by the process of the caller, without a daemon. The newest log of an agent is
opened to see which version wrote it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from jarvisd.agents.unread import UNREAD
from jarvisd.base.errors import SourceError
from jarvisd.core.agent import Agent, AgentRegistry, ReaderContext
from jarvisd.core.discovery.scan import walk
from jarvisd.core.drift import cleaned
from jarvisd.core.roots import SourceKind, Tree
from jarvisd.core.sources.jsonlines.lines import TextLine
from jarvisd.core.unread_agent import UnreadAgent
from jarvisd.overview.log_check import FoundLog, found_log, log_lines

_ITEMS = 400
"""Items of a log that are read to see which version wrote it."""

_LOGS = 3
"""Logs of an agent that are opened for it, the newest first."""

_NS_PER_MS = 1_000_000


class AgentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One agent that is known.

    *tested* are the oldest and newest version whose logs were read in tests, *version*
    the one that wrote the newest log; *roots* where its logs may lie, *found* those of
    them that exist. *kinds* are the kinds of its sources: `lines`, `document`, `event
    files`, `database`; *tokens* how far they are known: `exact`, `estimated`, or None
    if it is not read. *reason* is why it is not read.
    """

    name: str
    title: str
    tested: tuple[str, str] | None
    exact: str
    estimated: str
    unknowable: str
    roots: list[str]
    found: list[str]
    version: str | None = None
    kinds: list[str] = []
    tokens: str | None = None
    logs: int = 0
    last_activity_ms: int | None = None
    reason: str | None = None


class _Log(NamedTuple):
    """A log of an agent that is there, and when it changed last."""

    changed_ms: int
    log: FoundLog


def summarize(
    agents: AgentRegistry,
    environ: Mapping[str, str],
    home: Path,
    configured: Mapping[str, Sequence[Path]],
) -> list[AgentSummary]:
    """Return every agent with logs of its own; *configured* are further roots."""
    found = [
        _summary(agent, trees)
        for agent in agents
        if (trees := agent.roots(environ, home, tuple(configured.get(agent.name, ()))))
        or agent.tested is not None
    ]
    found.sort(key=lambda each: each.name)
    return found + [
        _unread(each, environ, home) for each in UNREAD if each.name not in agents
    ]


def source_kind(kind: SourceKind | None) -> str:
    """Return the name of the kind of source *kind*, for people."""
    if kind is None:
        return "lines"

    if kind.is_folder:
        return kind.title or "event files"

    return "database" if kind.beside else "document"


def _summary(agent: Agent, trees: Sequence[Tree]) -> AgentSummary:
    logs = sorted(_logs(trees), key=lambda each: each.changed_ms, reverse=True)
    tested = agent.tested
    return AgentSummary(
        name=agent.name,
        title=agent.title,
        tested=None if tested is None else (tested.oldest, tested.newest),
        exact=agent.about.exact,
        estimated=agent.about.estimated,
        unknowable=agent.about.unknowable,
        roots=_unique(str(each.root) for each in trees),
        found=_unique(str(each.root) for each in trees if each.root.is_dir()),
        version=_version(agent, [each.log for each in logs[:_LOGS]]),
        kinds=_unique(
            source_kind(kind)
            for kind in [each.log.kind for each in logs]
            or [each.kind for each in trees or agent.roots({}, Path(), (Path(),))]
        ),
        tokens="estimated" if agent.traits.estimates_tokens else "exact",
        logs=len(logs),
        last_activity_ms=logs[0].changed_ms if logs else None,
    )


def _logs(trees: Iterable[Tree]) -> Iterator[_Log]:
    """Yield each log in *trees*, with the newest of its files."""
    newest: dict[Path, _Log] = {}
    for tree in trees:
        for folder in walk(tree, lambda _path: False):
            for each in folder.files:
                name = each.parts[-1].removesuffix(tree.compressed)
                place = tree.place((*each.above, name))
                if place is not None:
                    log = found_log(tree, Path(each.path), place)
                    changed_ms = max(_changes_ms(each.path, log.kind))
                    known = newest.get(log.path)
                    if known is None or known.changed_ms < changed_ms:
                        newest[log.path] = _Log(changed_ms, log)

    yield from newest.values()


def _changes_ms(path: str, kind: SourceKind | None) -> Iterator[int]:
    """Yield when *path* and the files beside it changed, and 0."""
    yield 0
    for suffix in ("", *(() if kind is None else kind.beside)):
        with suppress(OSError):  # it is not there, or not any more
            yield Path(f"{path}{suffix}").stat().st_mtime_ns // _NS_PER_MS


def _version(agent: Agent, logs: Iterable[FoundLog]) -> str | None:
    """Return the last version that the beginning of one of *logs* names."""
    for log in logs:
        version = None
        reader = agent.reader(ReaderContext(log.place.session_id), b"")
        try:
            for _, line in islice(log_lines(log, agent.condense), _ITEMS):
                if isinstance(line, TextLine):
                    record = reader.read(line.text, offset=line.offset)
                    version = (record and record.version) or version
        except (OSError, SourceError):
            continue  # `sources.list` and `doctor` report what cannot be read

        if version is not None:
            return cleaned(version)

    return None


def _unread(agent: UnreadAgent, environ: Mapping[str, str], home: Path) -> AgentSummary:
    folders = [each.path(environ, home) for each in agent.folders]
    return AgentSummary(
        name=agent.name,
        title=agent.title,
        tested=None,
        exact="",
        estimated="",
        unknowable="",
        roots=[str(each) for each in folders],
        found=[str(each) for each in folders if each.is_dir()],
        reason=agent.reason,
    )


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
