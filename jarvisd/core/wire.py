"""Wire types of reading: pushed lines, the progress of the import, problems.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Annotated, Literal

import msgspec

from jarvisd.base.wire_types import AgentName, Params, Result, Text, Whole
from jarvisd.core.origin import BlockId

MAX_PUSH_LINES = 10_000

NewBlockId = Annotated[BlockId, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]


class PushOpen(Params, frozen=True, kw_only=True):
    """Open a block of pushed lines, or go on with one.

    The client chooses *block_id* (16 hex digits) so that a retry is harmless. *pid* is
    the process whose output it is, or that hands it over: the block ends with it.
    """

    block_id: NewBlockId
    agent: AgentName = "text"
    kind: Literal["push", "process"] = "push"
    project: Text | None = None
    cwd: Text | None = None
    pid: Whole | None = None


class PushOpenResult(Result, frozen=True, kw_only=True):
    """Go on with batch number *next_seq*; smaller ones are stored already."""

    block_id: BlockId
    next_seq: int


class PushLines(Params, frozen=True, kw_only=True):
    """Hand over the lines of batch *seq*, without line ends.

    A batch with a number that was taken before changes nothing and is acknowledged.
    *oversize_chars* tells the lengths, in code points, of lines of this batch that are
    too long for a request: they are counted like oversize lines of a file.
    """

    block_id: BlockId
    seq: Whole
    lines: Annotated[list[str], msgspec.Meta(max_length=MAX_PUSH_LINES)]
    oversize_chars: Annotated[list[Whole], msgspec.Meta(max_length=MAX_PUSH_LINES)] = (
        msgspec.field(default_factory=list)
    )


class PushLinesResult(Result, frozen=True, kw_only=True):
    """Given only after the lines are committed."""

    next_seq: int
    line_count: int


class PushClose(Params, frozen=True, kw_only=True):
    """End a pushed block: no more lines come."""

    block_id: BlockId
    exit_status: int | None = None


class Backfill(Result, frozen=True, kw_only=True):
    """How far the first reading of history has come; all zero when done.

    *eta_s* is None until the speed is known. *scanning* is True until all folders have
    been looked through once: what is to be read is not known before. Files are read
    newest first: figures of what was written since *complete_since_ms*, Unix ms, are
    complete; None while nothing is, and when all is.
    """

    files_total: int
    files_done: int
    bytes_total: int
    bytes_done: int
    eta_s: float | None
    scanning: bool = False
    complete_since_ms: int | None = None


class Problem(Result, frozen=True, kw_only=True):
    """One thing that is not as it should be, and what to do about it.

    *kind* is a closed vocabulary of snake_case words; *count* how often so far.
    """

    kind: str
    message: str
    since_ms: int
    count: int = 1
