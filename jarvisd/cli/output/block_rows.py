"""Blocks as rows: which are shown, in what order, and with which columns.

`ps`, `watch` and `make run` show the same table.
"""

from collections.abc import Iterable

from jarvisd.base.folder import is_named
from jarvisd.base.session_words import NEEDS, Confidence, State
from jarvisd.cli import wall_clock
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names, state_words, terminal
from jarvisd.cli.output.reports.usage_tables import short_model
from jarvisd.cli.output.tables import Column, TableCell, faint
from jarvisd.cli.output.titles import Titles, of_block
from jarvisd.core.origin import BlockView, Kind, Life
from jarvisd.core.wire import Backfill
from jarvisd.state.model import needs_somebody

RECENT_MS = 24 * 3600 * 1000
"""What is shown without --all: live blocks, and those with a line in the last day."""

NOTHING_FOUND = """\
No agent's output was found yet. `jarvisctl agents` lists the agents that can be
read, and where. Start one of them, or try it with any command:

    some-command | {ingest}"""

NOTHING_MATCHES = "nothing that matches was found yet"

STILL_READING = """\
jarvisd is still reading the logs of your agents. What it finds is shown here."""

_LIFE_STYLE = {Life.LIVE: "32", Life.QUIET: "", Life.ENDED: "2", Life.FAILED: "31"}

COLUMNS = [
    Column(title="BLOCK", rank=3),
    Column(title="STATE", least=21),
    Column(title="AGENT", least=6),
    Column(title="PROJECT", least=8, rank=1),
    Column(title="TITLE", least=16, part=0.25),
    Column(title="MODEL", least=8, rank=6),
    Column(title="TOKENS", right=True, rank=7),
    Column(title="COST", right=True, rank=4),
    Column(title="CTX", right=True, rank=5),
    Column(title="TOOL", least=6, rank=8),
    Column(title="LINES", right=True, rank=9),
    Column(title="RATE", right=True, rank=10),
    Column(title="ACTIVE", right=True, rank=2),
    Column(title="SESSION", rank=11),
]
"""What a table says of a block; the higher the rank, the earlier it is left out."""

_AT_WORK = frozenset({State.WORKING, State.COMPACTING})
_FULL = ((95, "31"), (80, "33"))
"""From which percentage on a context window is shown in which style."""


def row(block: BlockView, now_ms: int, titles: Titles) -> list[TableCell]:
    """Return the cells of *block*, one for each of COLUMNS."""
    cells = [
        TableCell(titles.short(block.block_id)),
        state(block),
        TableCell(block.agent),
        TableCell(project(block)),
        TableCell(titles.of(of_block(block))),
        TableCell(short_model(block.model) if block.model else fmt.ABSENT),
        TableCell(tokens(block)),
        TableCell(cost(block)),
        context(block.context_percent),
        tool(block),
        TableCell(fmt.count(block.line_count)),
        TableCell(fmt.rate(block.lines_per_s)),
        TableCell(fmt.ago(block.last_activity_ms, now_ms)),
        TableCell(titles.short(block.session_id or fmt.ABSENT)),
    ]
    return faint(cells) if is_over(block) else cells


def is_over(block: BlockView) -> bool:
    """Whether nothing more is to be expected of *block*."""
    return block.life is Life.ENDED or block.state is State.ENDED


def state(block: BlockView) -> TableCell:
    """Return the state of its session; where none is known, whether it is live."""
    if block.state in (None, State.UNKNOWN) or block.life is Life.FAILED:
        return TableCell(block.life, _LIFE_STYLE[block.life])

    shown = state_words.label(
        block.state, activity=block.activity, tool=block.state_tool
    )
    mark = "?" if block.state_confidence is Confidence.LOW else ""
    return TableCell(shown + mark, state_words.STYLES[block.state])


def tokens(block: BlockView) -> str:
    """Return the tokens of its session; a tilde means that they are an estimate."""
    if block.tokens is None:
        return f"~{fmt.count(block.token_estimate)}"

    tilde = "~" if block.tokens_estimated else ""
    return f"{tilde}{fmt.count(block.tokens.total)}"


def cost(block: BlockView) -> str:
    """Return the cost of its session; a plus means that parts have no price."""
    if block.cost_micros is None:
        return fmt.ABSENT

    more = "+" if block.unpriced else ""
    return f"{fmt.dollars(block.cost_micros)}{more}"


def context(share: float | None) -> TableCell:
    """Return how full the context window is."""
    if share is None:
        return TableCell(fmt.ABSENT)

    style = next((style for least, style in _FULL if share >= least), "")
    return TableCell(f"{share:.0f}%", style)


def tool(block: BlockView) -> TableCell:
    """Return the last tool, after how many calls of its session failed."""
    name = block.last_tool or fmt.ABSENT
    if not block.tool_errors:
        return TableCell(name)

    return TableCell(f"{fmt.count(block.tool_errors)}! {name}", "31")


def project(block: BlockView) -> str:
    """Return the short name of the project, else of the folder where it ran."""
    return project_names.short(block.project, block.cwd) or fmt.ABSENT


def newest_first(blocks: Iterable[BlockView]) -> list[BlockView]:
    """Return *blocks* by their last line, newest first; the id breaks ties."""
    return sorted(
        blocks, key=lambda each: (-(each.last_activity_ms or 0), each.block_id)
    )


def once_each(blocks: Iterable[BlockView]) -> list[BlockView]:
    """Return *blocks* without what was printed of sessions that have a transcript."""
    known = list(blocks)
    written = {
        (each.agent, each.session_id) for each in known if each.kind is Kind.TRANSCRIPT
    }
    return [
        each
        for each in known
        if each.kind is Kind.TRANSCRIPT
        or each.session_id is None
        or (each.agent, each.session_id) not in written
    ]


def in_place(blocks: Iterable[BlockView]) -> list[BlockView]:
    """Return *blocks* in an order that a new line does not change.

    First those that need somebody, who has waited longest first; then live ones by when
    they began, the newest first; then the others by their last line.
    """
    return sorted(blocks, key=_place)


def needs_you(block: BlockView) -> bool:
    """Return True if the session of *block* needs somebody, and that is no guess."""
    # An older daemon does not report its confidence.
    sure = block.state_confidence or Confidence.HIGH
    return block.state is not None and needs_somebody(block.state, sure)


def _place(block: BlockView) -> tuple[int, int, str]:
    if block.state is not None and needs_you(block):
        return NEEDS.index(block.state), block.state_since_ms or 0, block.block_id

    if block.life is Life.LIVE or block.state in _AT_WORK:
        return len(NEEDS), -(block.start_ts_ms or 0), block.block_id

    return len(NEEDS) + 1, -(block.last_activity_ms or 0), block.block_id


def is_recent(block: BlockView, now_ms: int) -> bool:
    """Whether *block* is shown without --all."""
    return block.life is Life.LIVE or now_ms - (block.last_activity_ms or 0) < RECENT_MS


def in_project(block: BlockView, wanted: str) -> bool:
    """Whether *block* is of the project *wanted*: its name, or the end of its path."""
    names = (block.project, block.cwd, project(block))
    return any(is_named(each, wanted) for each in names)


def nothing_found(backfill: Backfill, *, is_filtered: bool = False) -> str:
    """Return the text shown where there is no block: the next step, unless it is too early."""
    if is_reading(backfill):
        return STILL_READING

    if is_filtered:
        return NOTHING_MATCHES

    return NOTHING_FOUND.format(ingest=terminal.command("ingest"))


def is_reading(backfill: Backfill) -> bool:
    """Whether history is being searched for or read."""
    return backfill.scanning or backfill.files_done < backfill.files_total


def progress(backfill: Backfill) -> str | None:
    """Return how far the first reading of history is; None when it is done."""
    if backfill.bytes_done >= backfill.bytes_total:
        return "backfill: searching for transcripts" if backfill.scanning else None

    done = fmt.size_of(backfill.bytes_done, backfill.bytes_total)
    left = "" if backfill.eta_s is None else f", {fmt.duration(backfill.eta_s)} left"
    return f"backfill: {done}{left}{_complete(backfill.complete_since_ms)}"


def _complete(since_ms: int | None) -> str:
    """Return the days of which all is read, for the end of a line; "" if there are none."""
    today, monday = wall_clock.begin_of_day(), wall_clock.begin_of_day(of_week=True)
    if since_ms is None or since_ms > today:
        return ""

    if since_ms > monday:
        return "; today complete"

    return "; today and this week complete"
