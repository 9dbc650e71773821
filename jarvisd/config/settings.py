"""The settings: their names, types, defaults, and where each may come from.

There are few on purpose. A number that only a benchmark could choose is a constant
beside the code that uses it.
"""

import fnmatch
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from jarvisd.config.sink_settings import SinkSettings
from jarvisd.conversations.model import MAX_AGE_HOURS, THRESHOLD, ConversationLimits
from jarvisd.state.model import State


class LogLevel(StrEnum):
    """The least serious event that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LOG_LEVEL = LogLevel.INFO
"""Life events only: an idle day is a few lines."""

SCAN_INTERVAL_S = 15.0
"""What every watcher missed is found within this at the latest. Scans come sooner
where they are cheap: a scan that took 5 ms, of 2,000 files, is repeated after 5 s."""

Seconds = Annotated[float, msgspec.Meta(ge=0.2, le=60.0)]
"""The scan's range: faster is a busy loop, slower is no longer live."""

TEXT = "text"
"""The agent of output that is nobody's format: counted, not parsed."""


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user says about one agent.

    *roots* are read besides the folders in which the agent is known to write. Without
    *ledger* its lines are counted, and what they say is left alone.
    """

    enabled: bool = True
    roots: tuple[Path, ...] = ()
    ledger: bool = True


class FifoSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A named pipe to read; it must exist, jarvisd never makes one."""

    path: Path
    agent: str = TEXT


class ConversationSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """What is kept of conversations, and whether those with agents are recorded."""

    record: bool = False
    max_age_hours: Annotated[float, msgspec.Meta(ge=0, le=8_760_000)] = MAX_AGE_HOURS
    consolidation_threshold: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = (
        THRESHOLD
    )

    @property
    def limits(self) -> ConversationLimits:
        """Return the age and the size of a conversation."""
        return ConversationLimits(
            max_age_hours=self.max_age_hours, threshold=self.consolidation_threshold
        )


class SegmentSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """When a session that does nothing is over: more than *idle_s* after its last line."""

    idle_s: Annotated[float, msgspec.Meta(ge=1.0, le=86_400.0)] = 300.0


class NotifySettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Of what `jarvisctl notify` tells, how, and when not; the daemon has no use for it.

    *after_s* is for how long it must have been so. *quiet* are hours of the day in which
    nothing is told; what is still so afterwards is told then.
    """

    states: tuple[State, ...] = (
        State.WAITING_APPROVAL,
        State.WAITING_ANSWER,
        State.CRASHED,
        State.LIMITED,
    )
    by: tuple[Literal["desktop", "bell", "command"], ...] = ("desktop", "bell")
    command: tuple[str, ...] = ()
    after_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    quiet: Annotated[
        str,
        msgspec.Meta(pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"),
    ] = ""
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=600)] = 6


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the daemon was told, complete and checked.

    *agents* holds those the user mentions; `agent()` answers for every other one.
    *prices* is the table as it stands in the file: pricing knows what may be in it.
    *origins* says of each key that is not at its default who set it: the file's path,
    the variable's name or the flag.
    """

    store: Path
    socket: Path
    log_level: LogLevel = LOG_LEVEL
    scan_interval_s: Seconds = SCAN_INTERVAL_S
    exclude: tuple[str, ...] = ()
    fifos: tuple[FifoSettings, ...] = ()
    agents: Mapping[str, AgentSettings] = {}
    prices: Mapping[str, Any] = {}
    conversations: ConversationSettings = ConversationSettings()
    segments: SegmentSettings = SegmentSettings()
    jump: tuple[str, ...] = ()
    notify: NotifySettings = NotifySettings()
    sinks: tuple[SinkSettings, ...] = ()
    origins: Mapping[str, str] = {}

    def agent(self, name: str) -> AgentSettings:
        """Return what holds for the agent *name*."""
        return self.agents.get(name, AgentSettings())

    def excluder(self) -> Callable[[str], bool]:
        """Return a test of absolute paths: must this one not be read?

        A pattern is a glob in which `*` crosses slashes. One that matches a folder
        excludes all that lies below it.
        """
        if not self.exclude:
            return lambda _path: False

        globs = [glob for each in self.exclude for glob in (each, f"{each}/*")]
        pattern = re.compile("|".join(map(fnmatch.translate, globs)))
        return lambda path: pattern.match(path) is not None


Key = tuple[str, ...]
"""A key of the file, by its parts: `("agents", "claude", "roots")`."""

TYPES: Mapping[str, object] = {
    field.name: field.type
    for field in msgspec.structs.fields(Config)
    if field.name not in {"agents", "origins"}
}
"""The type of each key at the top of the file, beside the tables of `agents`."""

AGENT_TYPES: Mapping[str, object] = {
    field.name: field.type for field in msgspec.structs.fields(AgentSettings)
}
"""The type of each key of `[agents.NAME]`."""

FIFO_KEYS = FifoSettings.__struct_fields__
"""The keys of each table of `fifos`."""

NOT_IN_THE_FILE: Mapping[str, str] = {
    "socket": "jarvisctl and status lines would not find it; set JARVISD_SOCKET, which"
    " they read as well"
}
"""Keys that only the environment and flags may set, and why."""

ENVIRONMENT: Mapping[str, str] = {
    "store": "JARVISD_STORE",
    "socket": "JARVISD_SOCKET",
    "log_level": "JARVISD_LOG_LEVEL",
}
"""The variable of each key that has one. `JARVISD_CONFIG` names the file itself."""

CONVERSATION_KEYS = ConversationSettings.__struct_fields__
"""The keys of `[conversations]`."""

SEGMENT_KEYS = SegmentSettings.__struct_fields__
"""The keys of `[segments]`."""

NOTIFY_KEYS = NotifySettings.__struct_fields__
"""The keys of `[notify]`."""

_OPENED = frozenset({"store", "socket", "conversations", "segments", "sinks"})


def needs_restart(key: str) -> bool:
    """Whether a reload cannot change *key*: what was opened at the start stays so."""
    return key in _OPENED or (key.startswith("agents.") and key.endswith(".ledger"))
