"""What the store makes of a row that is stored and of a copy by a newer parser."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import (
    CallRow,
    Correction,
    FormerKey,
    LedgerBatch,
    row_version,
)
from jarvisd.ledger.rules import LedgerRules
from tests.ledger.books import flat_price
from tests.storage.building import ask, saved
from tests.storage.test_refused_rows import FIRST_MS, response, store_all

RULES = LedgerRules(flat_price)
FORK = SessionId("fork")
WHOSE = saved().origin.session_id


@pytest.mark.parametrize(("is_gone", "output"), [(False, 5), (True, 70)])
async def test_a_copy_in_a_fork_replaces_what_was_read_of_a_log_that_is_there(
    *, is_gone: bool, output: int, tmp_path: Path
) -> None:
    before = response(1, output=70, version=row_version(1))
    before = replace(before, session_id=WHOSE)
    copy = response(1, output=5, version=row_version(2))
    copy = replace(copy, session_id=FORK)

    await store_all(
        tmp_path / "db",
        LedgerBatch(responses=(before,)),
        LedgerBatch(responses=(copy,), contested=frozenset({1})),
        rules=RULES,
        block=replace(saved(), ended=is_gone),
    )

    assert ask(tmp_path / "db", "SELECT output FROM response") == [(output,)]


def call(key: int, **fields: Any) -> CallRow:
    return CallRow(
        key=key,
        agent="claude",
        session_id=FORK,
        rank=0,
        start_ms=FIRST_MS,
        version=row_version(1),
        tool="Bash",
        called_ms=FIRST_MS,
        **fields,
    )


@pytest.mark.parametrize(
    ("called_ms", "keys"), [(FIRST_MS, [(2,)]), (FIRST_MS + 1, [(1,), (2,)])]
)
async def test_a_call_is_deleted_under_its_former_key_unless_that_has_an_older_one(
    called_ms: int, keys: list[tuple[int]], tmp_path: Path
) -> None:
    before, version = call(1), row_version(2)
    again = replace(call(2), called_ms=called_ms, version=version)
    former = FormerKey(key=1, called_ms=called_ms, version=version)

    done = await store_all(
        tmp_path / "db",
        LedgerBatch(calls=(before,)),
        LedgerBatch(calls=(again,), contested=frozenset({2}), former=(former,)),
        rules=RULES,
    )

    dropped = [Correction(before, None)] if len(keys) == 1 else []
    assert list(done.receipts["ledger"].corrections) == [
        Correction(None, again),
        *dropped,
    ]
    assert ask(tmp_path / "db", "SELECT key FROM call ORDER BY key") == keys
