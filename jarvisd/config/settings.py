"""The settings: their names, types, defaults, and where each may be set.

There are few on purpose: a number that only a benchmark could determine is a constant
in the module that uses it.
"""

import fnmatch
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from jarvisd.base.session_words import State
from jarvisd.config.alarm_settings import AlarmSettings
from jarvisd.config.budget_settings import BudgetSettings
from jarvisd.config.sink_settings import SinkSettings


class LogLevel(StrEnum):
    """The least serious event that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LOG_LEVEL = LogLevel.INFO
"""Only lifecycle events: an idle day is a few lines."""

SCAN_INTERVAL_S = 15.0
"""The longest time between reconcile scans, which find changes that watchers missed.
Scans are more frequent if they are cheap: one that took 5 ms, of 2,000 files, is
repeated after 5 s."""

Seconds = Annotated[float, msgspec.Meta(ge=0.2, le=60.0)]
"""The range of the scan interval: less is a busy loop, more is no longer live."""

TEXT = "text"
"""The agent name of output in no agent's format, which is counted but not parsed."""


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one agent.

    *roots* are read in addition to the agent's default folders. Without *ledger* its
    lines are counted, but not parsed.
    """

    enabled: bool = True
    roots: tuple[Path, ...] = ()
    ledger: bool = True


class FifoSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A named pipe to read; it must exist, since jarvisd never creates one."""

    path: Path
    agent: str = TEXT


class ConversationSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The limits of conversations, and whether messages of agents are recorded.

    After *max_age_hours* without a message a conversation is over and may be removed.
    Above *consolidation_threshold* messages the oldest half is folded into a summary.
    """

    record: bool = False
    max_age_hours: Annotated[float, msgspec.Meta(ge=0, le=8_760_000)] = 24.0
    consolidation_threshold: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 100


class SegmentSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The time *idle_s* after a session's last line at which its segment is closed."""

    idle_s: Annotated[float, msgspec.Meta(ge=1.0, le=86_400.0)] = 300.0


class NotifySettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The settings of `jarvisctl notify`; the daemon does not use them.

    *after_s* is the time for which a state must last before it is notified. During the
    *quiet* hours of the day nothing is notified; states that last until their end are
    notified then. *budgets* says whether warnings of budgets are notified.
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
    budgets: bool = True


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The complete and checked configuration.

    *agents* has only agents that are configured; `agent()` returns the settings of any.
    *prices* is the table in the file, which `pricing` checks. *origins* maps each key
    without its default to its origin: the file's path, the variable's name or the flag.
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
    budgets: tuple[BudgetSettings, ...] = ()
    alarms: AlarmSettings = AlarmSettings()
    origins: Mapping[str, str] = {}

    def agent(self, name: str) -> AgentSettings:
        """Return the settings of the agent *name*, or the defaults."""
        return self.agents.get(name, AgentSettings())

    def excluder(self) -> Callable[[str], bool]:
        """Return a predicate that is True for absolute paths that must not be read.

        A pattern is a glob in which `*` also matches slashes. One that matches a folder
        excludes everything below it.
        """
        if not self.exclude:
            return lambda _path: False

        globs = [glob for each in self.exclude for glob in (each, f"{each}/*")]
        pattern = re.compile("|".join(map(fnmatch.translate, globs)))
        return lambda path: pattern.match(path) is not None


Key = tuple[str, ...]
"""A key of the file as its parts: `("agents", "claude", "roots")`."""

TYPES: Mapping[str, object] = {
    field.name: field.type
    for field in msgspec.structs.fields(Config)
    if field.name not in {"agents", "origins"}
}
"""The type of each key at the top of the file, except `agents`."""

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
"""Keys that only the environment and flags may set, with the reason."""

ENVIRONMENT: Mapping[str, str] = {
    "store": "JARVISD_STORE",
    "socket": "JARVISD_SOCKET",
    "log_level": "JARVISD_LOG_LEVEL",
}
"""The environment variable of each key that has one; `JARVISD_CONFIG` is the file."""

CONVERSATION_KEYS = ConversationSettings.__struct_fields__
"""The keys of `[conversations]`."""

SEGMENT_KEYS = SegmentSettings.__struct_fields__
"""The keys of `[segments]`."""

NOTIFY_KEYS = NotifySettings.__struct_fields__
"""The keys of `[notify]`."""

_FIXED_AT_START = frozenset({"store", "socket", "conversations", "segments", "sinks"})


def needs_restart(key: str) -> bool:
    """Whether *key* takes effect only after a restart, since it is used at the start."""
    return key in _FIXED_AT_START or (
        key.startswith("agents.") and key.endswith(".ledger")
    )
