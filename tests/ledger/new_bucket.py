"""What `test_new_bucket` runs: the way of a bucket that nothing has a word for.

Reading, merging, storing, correcting, restoring and reporting of `BUCKET`, which whoever
runs this has added to `Tokens`.
"""

import sqlite3
from pathlib import Path
from zoneinfo import ZoneInfo

from jarvisd.base.usage import Tokens, Variant
from jarvisd.core.event import UsageReported
from jarvisd.core.feature import FlushOutcome, Tx
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.record import Record
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.migrate import migrate, shipped_scripts
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.flush_store import read_books, write_books
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.ledger.rules import LedgerRules
from jarvisd.reports.days import Days
from jarvisd.state.facts import StateStream

BUCKET = "cache_write_24h"
MIGRATION = "".join(
    f"ALTER TABLE {table} ADD COLUMN {BUCKET} INTEGER NOT NULL DEFAULT 0;"
    for table in ("response", "session", "cell")
)
SESSION = SessionId("s1")
ORIGIN = Origin(
    block_id=BlockId("b"), kind=Kind.PUSH, agent="claude", session_id=SESSION
)


def price(
    model: str | None,
    variant: Variant,
    at_ms: int | None,
    tokens: Tokens,
    web_searches: int,
) -> int:
    """Price every token alike."""
    del model, variant, at_ms, web_searches
    return tokens.total


def main() -> None:
    """Follow the bucket; print what it is wherever it comes along."""
    raw, known = sqlite3.connect(":memory:", isolation_level=None), Interned()
    migrate(raw, Path("memory"), (*shipped_scripts(), MIGRATION))
    ledger = Ledger(price)
    read(raw, known, ledger, 5, 40, 7)
    show(raw, ledger)

    saved = read_books(raw)
    ledger = Ledger(price)
    ledger.restore(saved.sessions, saved.limits, saved.cells, saved.priced)
    ledger.known.complete = False
    show(raw, ledger)
    read(raw, known, ledger, 90)  # a copy of a row that only the store has
    show(raw, ledger)


def read(raw: sqlite3.Connection, known: Interned, ledger: Ledger, *sizes: int) -> None:
    """Read a copy of one response for each of *sizes*, and store what that gives."""
    stream = LedgerStream(ORIGIN)
    for size in sizes:
        tokens = Tokens(**{"input": 1, "output": 2, BUCKET: size})
        event = UsageReported(response="m1", model="m", tokens=tokens)
        ledger.apply(
            StateStream(stream),
            Record(kind="", at_ms=1_790_000_000_000, events=(event,)),
        )

    ledger.applied()
    batch = ledger.take()
    assert batch is not None, "a response was read"
    receipt = write_books(Tx(raw, known, 1), batch, rules=LedgerRules(price))
    ledger.settled(FlushOutcome.COMMITTED, batch, receipt)


def show(raw: sqlite3.Connection, ledger: Ledger) -> None:
    """Print the bucket in session, cell and report, as cost and sum, and as stored."""
    session = ledger.session("claude", SESSION)
    assert session is not None, "a line of it was read"
    (cell,) = ledger.rollup.cells()
    (day,) = Days(ledger.rollup, ZoneInfo("UTC")).rows(None, None)
    shown = [getattr(each.tokens, BUCKET) for each in (session, cell, day)]
    shown += [session.tokens.total, session.cost_micros, cell.cost_micros]
    for table in ("response", "session", "cell"):
        ((stored,),) = raw.execute(f"SELECT {BUCKET} FROM {table}")
        shown.append(stored)

    print(*shown)


if __name__ == "__main__":
    main()
