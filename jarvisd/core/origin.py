"""A block: one stream of an agent's output, and the few numbers kept about it."""

from enum import StrEnum

import msgspec

from jarvisd.base.ids import BlockId, SessionId
from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.base.usage import Tokens

__all__ = [
    "CHARS_PER_TOKEN",
    "BlockId",
    "BlockView",
    "Counts",
    "Kind",
    "Life",
    "Origin",
    "SessionId",
]

CHARS_PER_TOKEN = 4
"""The commissioned estimate: floor(all characters / 4), never summed per line."""


class Kind(StrEnum):
    """Where a block's bytes come from."""

    TRANSCRIPT = "transcript"
    FIFO = "fifo"
    PROCESS = "process"
    PUSH = "push"


PUSHED = frozenset({Kind.PUSH, Kind.PROCESS})
"""Whose lines are handed over by a client, which cannot be asked for them again."""


class Life(StrEnum):
    """Whether more is to be expected of a block."""

    LIVE = "live"
    """Open, with a line in the last few minutes."""
    QUIET = "quiet"
    """Open, and silent for longer than that."""
    ENDED = "ended"
    """Closed by its end: the file is gone, the process or the pusher is done."""
    FAILED = "failed"
    """Cannot be read now; `BlockView.error` says why. It is tried again."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a block from where it was found, before a byte is read.

    *path* is the absolute path as text, for showing: bytes that are not UTF-8 are
    replaced. Absent is None throughout.
    """

    block_id: BlockId
    kind: Kind
    agent: str
    path: str | None = None
    session_id: SessionId | None = None
    parent_session_id: SessionId | None = None
    project: str | None = None
    cwd: str | None = None
    pid: int | None = None


class Counts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The statistics of one block; design part 5 defines each.

    Times are Unix ms. *line_count* counts lines that are not blank, *char_count*
    code points without line ends, *malformed_count* lines that were not what the
    agent writes, *oversize_count* lines beyond the limit (counted as lines and in
    characters, but not parsed), *bytes_read* all bytes taken from the source.
    """

    start_ts_ms: int | None = None
    last_activity_ms: int | None = None
    line_count: int = 0
    char_count: int = 0
    malformed_count: int = 0
    oversize_count: int = 0
    bytes_read: int = 0

    @property
    def token_estimate(self) -> int:
        """Return floor(characters / 4) of the whole block."""
        return self.char_count // CHARS_PER_TOKEN


class BlockView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One block as every frontend sees it: one flat object, absent is null.

    *partial_bytes* is the length of the unfinished last line, which is in no count
    yet. *lines_per_s* is the mean of the last minute. *revision* is the flush that
    stored the newest numbers, or the next one while they are only in memory.
    *exit_status* is that of a process block once it has ended. From *tokens* on it is
    what the whole session spent that the block is of; null if it is of none.
    *cost_micros* leaves out *unpriced* responses, and *tool_errors* counts calls that
    failed. *state* and what follows it is what the session is doing, as in `StateView`;
    *title* is what it is called, and *model* the model of most responses. *are_items*:
    what is counted as lines are elements of a document or rows of a database.
    *tokens_estimated*: tokens are estimates of the agent, not the provider's counts.
    """

    block_id: BlockId
    kind: Kind
    agent: str
    session_id: SessionId | None
    parent_session_id: SessionId | None
    project: str | None
    cwd: str | None
    path: str | None
    pid: int | None
    life: Life
    start_ts_ms: int | None
    last_activity_ms: int | None
    line_count: int
    char_count: int
    token_estimate: int
    malformed_count: int
    oversize_count: int
    partial_bytes: int
    bytes_read: int
    lines_per_s: float
    revision: int
    exit_status: int | None = None
    error: str | None = None
    tokens: Tokens | None = None
    cost_micros: int | None = None
    unpriced: int | None = None
    context_percent: float | None = None
    last_tool: str | None = None
    tool_errors: int | None = None
    state: State | None = None
    state_since_ms: int | None = None
    activity: Activity | None = None
    state_tool: str | None = None
    state_confidence: Confidence | None = None
    title: str | None = None
    model: str | None = None
    are_items: bool = False
    tokens_estimated: bool = False
