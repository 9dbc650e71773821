"""A row that cannot be made or stored is put aside; sums end where integers do."""

from pathlib import Path
from typing import Any

from jarvisd.app.feature_order import open_store
from jarvisd.base.clock import SystemClock
from jarvisd.base.usage import Tokens
from jarvisd.blocks.model import SavedBlock
from jarvisd.core.origin import SessionId
from jarvisd.core.saved import FlushBatch, Saved
from jarvisd.core.storage.multi_insert import MAX_INTEGER
from jarvisd.ledger.model import Cell, Correction, LedgerBatch, ResponseRow, Row
from tests.storage.building import ask, saved

SESSION = SessionId("s1")
FIRST_MS = 1_790_000_000_000


def response(key: int, *, output: Any = 1, **fields: Any) -> ResponseRow:
    return ResponseRow(
        key=key,
        agent="claude",
        session_id=SESSION,
        rank=0,
        start_ms=FIRST_MS,
        counts=Tokens(output=output),
        **{"at_ms": FIRST_MS, **fields},
    )


def cell(**fields: Any) -> Cell:
    return Cell(quarter=7, agent="claude", session_id=SESSION, model=None, **fields)


async def store_all(
    path: Path,
    *batches: LedgerBatch,
    rules: Any = None,
    block: SavedBlock | None = None,
) -> Saved:
    """Store *batches*, each with a *block*; return what came of the last."""
    async with open_store(path, clock=SystemClock(), rules=rules) as store:
        for batch in batches:
            done = await store.save(
                FlushBatch(changes={"blocks": (block or saved(),), "ledger": batch})
            )

    return done


async def test_a_row_that_is_refused_is_named_and_all_others_are_stored(
    tmp_path: Path,
) -> None:
    rows = [response(key) for key in range(70)]
    rows[3] = response(3, output="a word")  # which the column refuses
    rows[40] = response(40, model=object())  # which cannot be made
    rows[69] = response(69, at_ms=b"bytes")

    done = await store_all(tmp_path / "db", LedgerBatch(responses=tuple(rows)))

    assert done.refused == (
        "response: IntegrityError",
        "response: AttributeError",
        "response: IntegrityError",
    )
    keys = [key for (key,) in ask(tmp_path / "db", "SELECT key FROM response")]
    assert sorted(keys) == sorted(set(range(70)) - {3, 40, 69})
    assert ask(tmp_path / "db", "SELECT read_offset FROM block") == [(1,)]


async def test_rows_that_are_refused_are_of_their_own_batch(tmp_path: Path) -> None:
    bad = LedgerBatch(responses=(response(1, output="a word"),))
    good = LedgerBatch(responses=(response(2),))

    assert (await store_all(tmp_path / "db", bad)).refused != ()
    assert (await store_all(tmp_path / "db", bad, good)).refused == ()


async def test_sums_end_at_the_greatest_integer(tmp_path: Path) -> None:
    batch = LedgerBatch(
        cells=(cell(tokens=Tokens(2**70, output=MAX_INTEGER), responses=1),)
    )

    done = await store_all(tmp_path / "db", batch)

    assert done.refused == ()
    found = ask(tmp_path / "db", "SELECT input, output FROM cell")
    assert found == [(MAX_INTEGER, MAX_INTEGER)]


class Doubling:
    """Rules by which a contested row adds a cell that is full to the brim."""

    def merged(self, old: Row, new: Row) -> Row:
        return new if old.version else old

    def revised(self, *_: object) -> tuple[tuple[()], tuple[Cell, ...]]:
        return (), (cell(tokens=Tokens(MAX_INTEGER), responses=1),)

    def priced(self, *_: object) -> Any:
        raise AssertionError("nothing is priced here")


async def test_a_sum_made_by_the_database_ends_there_too(tmp_path: Path) -> None:
    first = LedgerBatch(
        responses=(response(1),), cells=(cell(tokens=Tokens(MAX_INTEGER), responses=1),)
    )
    again = LedgerBatch(responses=(response(1, output=5),), contested=frozenset({1}))

    done = await store_all(tmp_path / "db", first, again, rules=Doubling())

    assert done.receipts["ledger"].corrections == (
        Correction(response(1), response(1, output=5)),
    )
    assert done.refused == ()
    found = ask(tmp_path / "db", "SELECT input, responses FROM cell")
    assert found == [(MAX_INTEGER, 2)]


class Failing(Doubling):
    """Rules that fail."""

    def revised(self, *_: object) -> Any:
        raise ValueError("no such session")


async def test_rules_that_fail_cost_their_own_part_alone(tmp_path: Path) -> None:
    first = LedgerBatch(responses=(response(1),))
    again = LedgerBatch(
        responses=(response(1, output=5), response(2)), contested=frozenset({1})
    )

    done = await store_all(tmp_path / "db", first, again, rules=Failing())

    assert done.refused == ("corrections: ValueError",)
    found = ask(tmp_path / "db", "SELECT key, output FROM response ORDER BY key")
    assert found == [(1, 5), (2, 1)]
