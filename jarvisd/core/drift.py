"""Drift: what agents write that their readers do not know, by agent and version.

Agents change their logs without notice. A record of an unknown type is passed over and
a renamed count reads as zero, so nothing fails and the figures are too low. Readers
report what they do not know (`Record.drift`), and `DriftLog` counts it.

Names come from transcripts, that is from anybody: they are cut, cleaned and bounded in
number. No content is kept. The counts are those since the start of the daemon: what
matters is in the logs that are being written, so it is seen again after a restart.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from jarvisd.core.event import ContextMeasured, UsageReported
from jarvisd.core.record import Drift, DriftKind, Record
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine

MAX_VERSIONS = 64
"""Pairs of agent and version that are counted apart; those after them as one each."""

MAX_NAMES = 32
"""Names counted apart for one agent and version; those after them as `other`."""

MAX_NAME_CHARS = 64
INSPECTED_RESPONSES = 500
"""Responses of a version newer than those tested whose fields are compared by name.

It takes as long as reading the line again, and a renamed field is in every response.
"""

OTHER = "other"
_RESPONSES = (UsageReported, ContextMeasured)
_UNUSUAL = re.compile(r"[^\w.:/-]", re.ASCII)
_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,3}")
_QUIET_MS = 5_000
"""Drift is logged once no new name has come for this long: as one line, not as many."""


class Tested(msgspec.Struct, frozen=True):
    """The versions of an agent whose logs its reader was tested with."""

    oldest: str
    newest: str

    def is_older_than(self, version: str) -> bool:
        """Whether *version* is newer than all those tested."""
        return _numbers(version) > _numbers(self.newest)


class DriftReader(Protocol):
    """What drift needs of an agent: its name, and how its lines are inspected."""

    @property
    def name(self) -> str:
        """The name in every answer."""
        ...

    @property
    def tested(self) -> Tested | None:
        """The versions it was tested with; None if nothing is known of versions."""
        ...

    @property
    def inspect(self) -> Callable[[bytes], tuple[Drift, ...]]:
        """Everything that is unknown in one line, by name: slower than reading it."""
        ...


@dataclass(slots=True)
class VersionDrift:
    """The drift of one version of an agent.

    Attributes:
        version: What the agent calls itself; "" if its lines do not say.
        is_newer: Whether it is newer than all versions tested.
        transcripts: How many transcripts of it were read, if it is newer.
        counts: How often each unknown thing was met.
        inspected: How many responses were compared by name.

    """

    agent: str
    version: str
    is_newer: bool
    tested: Tested
    first_ms: int
    last_ms: int
    transcripts: int = 0
    counts: dict[Drift, int] = field(default_factory=dict)
    inspected: int = 0
    changed_ms: int = 0
    is_logged: bool = False

    @property
    def may_inspect(self) -> bool:
        """Whether fields of its responses are still compared by name."""
        return self.is_newer and self.inspected < INSPECTED_RESPONSES

    def add(self, drift: Drift, now_ms: int) -> None:
        """Count *drift* once more, as `other` if too many names are known already."""
        drift = Drift(drift.kind, cleaned(drift.name) or "(none)")
        if drift not in self.counts:
            if len(self.counts) >= MAX_NAMES:
                drift = Drift(drift.kind, OTHER)

            if drift not in self.counts:
                self.counts[drift] = 0
                self.is_logged, self.changed_ms = False, now_ms

        self.counts[drift] += 1
        self.last_ms = now_ms

    def names(self, kind: DriftKind) -> Mapping[str, int]:
        """Return how often each name of *kind* was met."""
        return {
            drift.name: count
            for drift, count in self.counts.items()
            if drift.kind is kind
        }


class DriftLog:
    """Counts the drift of all agents since the start of the daemon."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], VersionDrift] = {}

    def versions(self) -> Sequence[VersionDrift]:
        """Return every version with drift, by agent and version."""
        return sorted(
            (each for each in self._versions.values() if each.is_newer or each.counts),
            key=lambda each: (each.agent, _numbers(each.version), each.version),
        )

    def unlogged(self, now_ms: int) -> Sequence[VersionDrift]:
        """Return versions whose drift is complete for now and not in the log yet."""
        found = [
            each
            for each in self.versions()
            if not each.is_logged and now_ms - each.changed_ms >= _QUIET_MS
        ]
        for each in found:
            each.is_logged = True

        return found

    def read(
        self,
        agent: DriftReader,
        lines: Sequence[TextLine | Oversize],
        records: Sequence[Record | None],
        version: str,
        *,
        now_ms: int,
    ) -> str:
        """Count the drift of *records* of one source, and return its version after them.

        *version* is that of the lines before.
        """
        tested = agent.tested
        if tested is None:
            return version

        current = self._versions.get((agent.name, version))
        inspects = current is not None and current.may_inspect
        for line, record in zip(lines, records, strict=True):
            if record is None:
                continue

            if record.version is not None and record.version != version:
                version = cleaned(record.version)
                current = self._meet(agent.name, version, tested, now_ms)
                inspects = current is not None and current.may_inspect

            if not (record.drift or record.lacks_tokens or inspects):
                continue  # nearly always

            text = b"" if isinstance(line, Oversize) else line.text
            found = _drift_of(agent, record, text, current)
            if found and current is None:
                current = self._open(agent.name, version, tested, now_ms)

            if current is not None:
                inspects = current.may_inspect
                for each in found:
                    current.add(each, now_ms)

        return version

    def _meet(
        self, agent: str, version: str, tested: Tested, now_ms: int
    ) -> VersionDrift | None:
        """Return the drift of *version*, begun if it is a newer one; None if none yet."""
        if not tested.is_older_than(version):
            return self._versions.get((agent, version))

        found = self._open(agent, version, tested, now_ms)
        found.transcripts += 1
        found.last_ms = now_ms
        return found

    def _open(
        self, agent: str, version: str, tested: Tested, now_ms: int
    ) -> VersionDrift:
        if (agent, version) not in self._versions and len(
            self._versions
        ) >= MAX_VERSIONS:
            version = OTHER

        return self._versions.setdefault(
            (agent, version),
            VersionDrift(
                agent=agent,
                version=version,
                is_newer=tested.is_older_than(version),
                tested=tested,
                first_ms=now_ms,
                last_ms=now_ms,
                changed_ms=now_ms,
            ),
        )


def _drift_of(
    agent: DriftReader, record: Record, text: bytes, version: VersionDrift | None
) -> tuple[Drift, ...]:
    """Return the unknown parts of *record*, which was read from *text*."""
    if record.lacks_tokens:
        return agent.inspect(text)

    is_response = any(isinstance(each, _RESPONSES) for each in record.events)
    if version is None or not version.may_inspect or not is_response:
        return record.drift

    version.inspected += 1
    return agent.inspect(text) or record.drift


def cleaned(name: str) -> str:
    """Return the start of *name*, with unusual characters replaced."""
    return _UNUSUAL.sub("?", name[:MAX_NAME_CHARS])


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of *version*; of what is no version, none."""
    found = _NUMBERS.match(version)
    return () if found is None else tuple(map(int, found[0].split(".")))
