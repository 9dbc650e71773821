"""What `codex exec` prints of a thread, which a rollout may tell as well.

All that is printed of one thread, by however many processes, is one row, for the totals
go on from one to the next. The row is void as soon as a rollout tells the same, and so
that it does not matter which is read first, every rollout says that.
"""

from msgspec.structs import replace

from jarvisd.base.usage import Tokens
from jarvisd.ledger.fold.line_context import LineContext
from jarvisd.ledger.model import VOID_RANK, ResponseRow
from jarvisd.ledger.row_cache import Name


def put_printed(line: LineContext, tokens: Tokens) -> None:
    """Take in that *tokens* are what was printed in all."""
    printed = replace(
        _printed_row(line, line.rank),
        input_cached=tokens.input,
        cache_read=tokens.cache_read,
        cache_write_5m=tokens.cache_write_5m,
        output=tokens.output,
        reasoning=tokens.reasoning,
    )
    line.shelves.responses.put(_printed_name(line), printed)


def void_printed(line: LineContext) -> None:
    """Note that the rollout tells its own usage: what was printed is void."""
    thread = line.lane.carry.thread
    thread.told = True
    if thread.thread_id is not None:
        row = _printed_row(line, VOID_RANK)
        line.shelves.responses.put(_printed_name(line), row)


def _printed_row(line: LineContext, rank: int) -> ResponseRow:
    lane = line.lane
    return ResponseRow(
        key=line.shelves.responses.key_of(_printed_name(line)),
        agent=line.agent,
        session_id=lane.session_id,
        rank=rank,
        start_ms=lane.start_ms,
        account=lane.account,
        version=lane.version,
    )


def _printed_name(line: LineContext) -> Name:
    return line.agent, f"{line.lane.carry.thread.thread_id}:printed"
