"""Blocks as rows: which are shown, in what order, and what is said of each.

`ps`, `watch` and `make run` show the same table.
"""

from collections.abc import Iterable

from jarvisd.client import format as fmt
from jarvisd.client.table import Cell, Column
from jarvisd.client.text import safe
from jarvisd.model.block import BlockView, Life
from jarvisd.protocol.methods import Backfill

RECENT_MS = 24 * 3600 * 1000
"""What is shown without --all: live blocks, and those with a line in the last day."""

ID_SHOWN = 8
"""Hex digits: unique among millions with a chance of one in a thousand."""

NOTHING_FOUND = """\
No agent's output was found yet. Start one (claude, codex), or try it with any command:

    some-command | jarvisctl ingest"""

_LIFE_STYLE = {Life.LIVE: "32", Life.QUIET: "", Life.ENDED: "2", Life.FAILED: "31"}

COLUMNS = [
    Column(title="BLOCK"),
    Column(title="LIFE"),
    Column(title="AGENT"),
    Column(title="PROJECT", least=8),
    Column(title="SESSION", least=4),
    Column(title="LINES", right=True),
    Column(title="~TOKENS", right=True),
    Column(title="ACTIVE", right=True),
    Column(title="RATE", right=True),
]


def row(block: BlockView, now_ms: int) -> list[Cell]:
    """Return what the table says of *block*, one cell for each of COLUMNS."""
    life = Cell(block.life, _LIFE_STYLE[block.life])
    return [
        Cell(block.block_id[:ID_SHOWN]),
        life,
        Cell(safe(block.agent)),
        Cell(project(block)),
        Cell(safe(block.session_id or fmt.ABSENT)[:ID_SHOWN]),
        Cell(fmt.count(block.line_count)),
        Cell(fmt.count(block.token_estimate)),
        Cell(fmt.ago(block.last_activity_ms, now_ms)),
        Cell(fmt.rate(block.lines_per_s)),
    ]


def project(block: BlockView) -> str:
    """Return the project's name, else the last folder of where it ran."""
    return safe(block.project or (block.cwd or "").rpartition("/")[2] or fmt.ABSENT)


def newest_first(blocks: Iterable[BlockView]) -> list[BlockView]:
    """Return *blocks* by their last line, newest first; the id breaks ties."""
    return sorted(
        blocks, key=lambda each: (-(each.last_activity_ms or 0), each.block_id)
    )


def is_recent(block: BlockView, now_ms: int) -> bool:
    """Say whether *block* is shown without --all."""
    return block.life is Life.LIVE or now_ms - (block.last_activity_ms or 0) < RECENT_MS


def in_project(block: BlockView, wanted: str) -> bool:
    """Say whether *block* is of the project *wanted*: its name, or the end of its path."""
    names = (block.project, block.cwd, project(block))
    return any(
        name is not None and (name == wanted or name.endswith(f"/{wanted}"))
        for name in names
    )


def progress(backfill: Backfill) -> str | None:
    """Return how far the first reading of history is; None when it is done."""
    if backfill.bytes_done >= backfill.bytes_total:
        return None

    done = fmt.size_of(backfill.bytes_done, backfill.bytes_total)
    left = "" if backfill.eta_s is None else f", {fmt.duration(backfill.eta_s)} left"
    return f"backfill: {done}{left}"
