"""One bad record, row, reader or feature costs itself, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from jarvisd.app.feature_order import open_store
from jarvisd.base.clock import SystemClock
from jarvisd.base.errors import StoreError
from jarvisd.base.ids import SessionId
from jarvisd.blocks.engine import BlockCounts
from jarvisd.conversations.model import RecordedMessage
from jarvisd.core.drift import DriftLog
from jarvisd.core.feature import Change, Feature
from jarvisd.core.message import Role
from jarvisd.core.record import POISON, Record
from jarvisd.core.saved import FlushBatch
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import LedgerBatch
from jarvisd.overview.sessions import Sessions
from jarvisd.segments.engine import Segments
from jarvisd.segments.model import Closed, Closing
from jarvisd.state.engine import StateEngine
from tests.books.rig import accounts, append, running, transcript
from tests.books.test_stored_books import mark_as_read_by_an_older_parser
from tests.ledger import test_ledger_claude as claude
from tests.sinks.records import segment
from tests.storage.building import ask, saved
from tests.storage.test_refused_rows import response
from tests.storage.test_transitions import APPROVAL, WORKING
from tests.support import block

LEDGER_TAKE = "jarvisd.ledger.engine.Ledger.take"

LINES = [
    claude.prompt(second=0),
    claude.reply("m1", second=1, inp=5, out=7),
    claude.reply("m2", second=2, inp=1, out=2),
]


def failing(method: Callable[..., Any], is_bad: Callable[..., bool]) -> Any:
    """Return *method*, which fails where *is_bad*."""

    def patched(*args: Any, **more: Any) -> Any:
        if is_bad(*args):
            raise ZeroDivisionError
        return method(*args, **more)

    return patched


def is_second_reply(_engine: object, _stream: object, record: Record) -> bool:
    return record.at_ms is not None and record.at_ms % 60_000 == 2_000


@pytest.mark.parametrize("engine", [Ledger, StateEngine])
async def test_a_record_that_a_feature_refuses_is_a_malformed_line(
    engine: type[Feature], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "apply", failing(engine.apply, is_second_reply))
    append(transcript(tmp_path), *LINES, claude.reply("m3", second=3, inp=1, out=1))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        block, session = daemon.block(), daemon.session()

    assert (block.line_count, block.malformed_count, block.error) == (4, 1, None)
    assert [each.reason for each in block.bad_lines] == [POISON]
    assert session.tokens.output >= 7 + 1
    assert ask(tmp_path / "s.db", "SELECT read_offset FROM block") == [
        (
            sum(len(each) + 1 for each in LINES)
            + len(claude.reply("m3", second=3, inp=1, out=1))
            + 1,
        )
    ]


@pytest.mark.parametrize("engine", [BlockCounts, Sessions, Ledger, Segments])
async def test_a_feature_that_fails_at_a_slice_costs_itself(
    engine: type[Feature], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "applied", failing(engine.applied, lambda *_: True))
    path = transcript(tmp_path)
    append(path, *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        assert daemon.flusher.refused.where.endswith(": ZeroDivisionError")
        block = daemon.block()

    assert block.error is None
    assert block.position.offset == path.stat().st_size
    keys = ask(tmp_path / "s.db", "SELECT count(*) FROM response")
    assert keys == [(2,)]


@pytest.mark.parametrize("engine", [Sessions, StateEngine])
async def test_a_feature_that_fails_behind_a_second_reading_costs_itself(
    engine: type[Feature], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(transcript(tmp_path), *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()

    mark_as_read_by_an_older_parser(tmp_path)
    monkeypatch.setattr(engine, "reread", failing(engine.reread, lambda *_: True))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        assert daemon.flusher.refused.where.endswith(": ZeroDivisionError")
        version = daemon.block().parser_version

    assert ask(tmp_path / "s.db", "SELECT parser_version FROM block") == [(version,)]


async def test_a_feature_that_fails_at_an_end_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        StateEngine, "closed", failing(StateEngine.closed, lambda *_: True)
    )
    append(transcript(tmp_path), *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        daemon.intake.close(daemon.block())

        assert daemon.block().ended
        assert daemon.flusher.refused.where.endswith(": ZeroDivisionError")


async def test_drift_that_fails_has_no_line_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DriftLog, "read", failing(DriftLog.read, lambda *_: True))
    path = transcript(tmp_path)
    for line in LINES:
        append(path, line)
        async with running(tmp_path) as daemon:
            await daemon.sync()
            block = daemon.block()

    assert (block.line_count, block.error) == (3, None)
    assert block.position.offset == path.stat().st_size


async def test_a_reader_that_fails_at_a_line_costs_that_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvisd.agents.claude.read import ClaudeReader  # noqa: PLC0415 - the agent under test

    def is_bad(_reader: object, text: bytes) -> bool:
        return b'"m1"' in text

    monkeypatch.setattr(ClaudeReader, "read", failing(ClaudeReader.read, is_bad))
    append(transcript(tmp_path), *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        block, session = daemon.block(), daemon.session()

    assert (block.line_count, block.malformed_count, block.error) == (3, 1, None)
    assert session.tokens.output == 2


STORES = "jarvisd.app.feature_order"


@pytest.mark.parametrize(
    "where", [f"{STORES}.write_books", f"{STORES}.write_closings", LEDGER_TAKE]
)
async def test_a_kill_after_a_feature_failed_in_a_flush_loses_nothing(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = tmp_path / "killed", tmp_path / "whole"
    for home in homes:
        append(transcript(home), LINES[0])
        async with running(home) as daemon:
            await daemon.sync()

    killed, whole = homes
    for home in homes:
        append(transcript(home), *LINES[1:])

    with monkeypatch.context() as broken:
        broken.setattr(where, failing(print, lambda *_: True))
        async with running(killed) as daemon:
            await daemon.read()
            daemon.sessions.segments.end(daemon.session(), Closed.END, 5)
            await daemon.flusher.flush_all()
            daemon.crash()

    for home in homes:
        async with running(home) as daemon:
            await daemon.sync()
            daemon.sessions.segments.end(daemon.session(), Closed.END, 5)
            await daemon.sync()

    assert accounts(killed) == accounts(whole)
    assert stored_segments(killed) == stored_segments(whole)


def stored_segments(home: Path) -> list[Any]:
    sql = "SELECT session_id, number, json_remove(record, '$.block_id') FROM segment"
    return ask(home / "s.db", sql)


async def test_a_push_is_not_confirmed_while_a_feature_of_it_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as daemon:
        pushed = block("push-1")
        daemon.blocks.add(pushed, 5)
        with monkeypatch.context() as broken:
            broken.setattr(Ledger, "take", failing(print, lambda *_: True))
            daemon.intake.touch(pushed)
            with pytest.raises(StoreError):
                await daemon.flusher.commit(pushed)

        await daemon.flusher.commit(pushed)


def said(content: Any) -> RecordedMessage:
    return RecordedMessage(
        origin=1,
        project="/home/ada/shop",
        agent="claude",
        session_id=SessionId("s1"),
        role=Role.ASSISTANT,
        content=content,
        at_ms=5,
    )


CHANGES: dict[str, tuple[str, Change]] = {
    "blocks": ("block", (replace(saved(2), ended=object()), saved(1))),
    "ledger": (
        "response",
        LedgerBatch(responses=(response(1, output="a word"), response(2))),
    ),
    "segments": (
        "segment",
        (
            Closing(segment=segment(1, ended_ms=object())),
            Closing(segment=segment(2)),
        ),
    ),
    "transitions": ("transition", (replace(APPROVAL, tier=b"bytes"), WORKING)),
    "conversations": (
        "conversation_message",
        ((said(object()),), (replace(said("words"), origin=2),)),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_row_that_cannot_be_written_costs_no_other(
    name: str, tmp_path: Path
) -> None:
    table, change = CHANGES[name]
    everything = {"blocks": (saved(3),), name: change, "awake": (5, 6)}
    async with open_store(tmp_path / "s.db", clock=SystemClock()) as store:
        with anyio.fail_after(30):
            done = await store.save(FlushBatch(changes=everything))

    assert len(done.refused) == 1, done.refused
    assert set(done.receipts) == set(everything)
    assert ask(tmp_path / "s.db", f"SELECT count(*) FROM {table}") == [(1,)]
    assert ask(tmp_path / "s.db", "SELECT end_ms FROM awake") == [(6,)]
