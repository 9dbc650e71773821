"""Accounts in a real store of real files: each thing once, whatever comes between."""

import os
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from jarvisd.agents.claude.read import ClaudeReader
from jarvisd.base.errors import StoreError, StoreUnansweredError
from jarvisd.base.usage import NO_TOKENS, Tokens, Variant
from jarvisd.core.block import Block
from jarvisd.core.event import UsageReported
from jarvisd.core.origin import BlockId, Kind, Origin
from jarvisd.core.record import Record
from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.lines import TextLine
from jarvisd.core.storage import writer
from jarvisd.ledger.model import GENERATIONS
from tests.agents.found import AGENTS
from tests.books.rig import Daemon, accounts, append, running, transcript
from tests.ledger import test_ledger_claude as claude
from tests.ledger import test_ledger_codex as codex
from tests.ledger.books import read_all
from tests.ledger.test_ledger_claude_printed import START, printed
from tests.ledger.test_ledger_properties import FILES
from tests.support import eventually

NEWER = AGENTS["claude"].version + 1
SPENT = [
    claude.prompt(second=0),
    claude.reply("m1", second=1, inp=5, out=7, read=10),
    claude.reply("m2", second=2, inp=1, out=2, read=0, blocks=[claude.call("t1")]),
    claude.result("t1", second=3, error=True),
]


async def plainly(home: Path) -> None:
    """Read all files as they are, at once."""
    for file in FILES:
        append(
            path_of(home, file.origin.session_id or "", file.origin.agent), *file.lines
        )

    async with running(home) as daemon:
        await daemon.sync()


def path_of(home: Path, session: str, agent: str) -> Path:
    return transcript(home, session, agent=agent)


async def eventfully(home: Path, steps: list[tuple[str, int, int]]) -> None:
    """Grow the files step by step, with flushes, crashes and stops between."""
    left = {number: list(file.lines) for number, file in enumerate(FILES)}
    lives: list[list[tuple[str, int, int]]] = [[]]
    for step in [*steps, *(("grow", number, 99) for number in left)]:
        lives[-1].append(step)
        if step[0] in {"crash", "stop"}:
            lives.append([])

    for age, life in enumerate(lives):
        async with running(home, learned=age % 2 == 0) as daemon:
            for what, number, count in life:
                match what:
                    case "grow":
                        file = FILES[number]
                        path = path_of(
                            home, file.origin.session_id or "", file.origin.agent
                        )
                        append(path, *left[number][:count])
                        del left[number][:count]
                        await daemon.read()
                    case "flush":
                        await daemon.sync()
                    case "mute":
                        await daemon.flush_unheard()
                    case "crash":
                        daemon.crash()

            if life and life[-1][0] != "crash":
                await daemon.sync()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    home = tmp_path_factory.mktemp("plain")
    anyio.run(plainly, home)
    return accounts(home)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["grow", "grow", "flush", "mute", "crash", "stop"]),
            st.sampled_from(range(len(FILES))),
            st.integers(1, 4),
        ),
        max_size=14,
    )
)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_files_stops_crashes_and_flushes_in_any_order_give_the_same_books(
    steps: list[tuple[str, int, int]], expected: dict[str, list[object]]
) -> None:
    with tempfile.TemporaryDirectory() as home:
        anyio.run(eventfully, Path(home), steps)

        assert accounts(Path(home)) == expected


async def test_totals_and_rows_come_back_after_a_restart(tmp_path: Path) -> None:
    append(transcript(tmp_path), *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        before = daemon.session().row()
        cells = list(daemon.sessions.ledger.rollup.cells())

    async with running(tmp_path) as daemon:
        assert daemon.session().row() == before
        assert list(daemon.sessions.ledger.rollup.cells()) == cells
        assert daemon.block().session is daemon.session()
        assert daemon.lines_by_speaker() == (2, 2)


@pytest.mark.parametrize("learned", [True, False])
async def test_a_row_of_yesterday_is_settled_by_the_store(
    tmp_path: Path, *, learned: bool
) -> None:
    append(transcript(tmp_path, "z"), *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()

    early = claude.prompt(second=-60, key="early")
    append(transcript(tmp_path, "a"), early, *SPENT)
    async with running(tmp_path, learned=learned) as daemon:
        await daemon.sync()

        assert (daemon.session("z").messages, daemon.session("a").messages) == (0, 2)
        owners = {cell.session_id for cell in daemon.sessions.ledger.rollup.cells()}
        assert owners == {"a"}

    stored = accounts(tmp_path)
    assert {row[1] for row in stored["responses"]} == {"a"}
    assert {row[1] for row in stored["cells"]} == {"a"}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the disk waited for no longer than it takes, usually."""
    monkeypatch.setattr("jarvisd.core.storage.writer.WRITE_TIMEOUT_S", 0.2)
    monkeypatch.setattr("jarvisd.core.storage.sqlite_connection.GRACE_S", 0.02)


@pytest.mark.parametrize(
    "late", ["size_bytes", "identity"], ids=["once committed", "before it begins"]
)
async def test_a_row_of_yesterday_is_settled_once_though_the_disk_answers_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hasty: None, late: str
) -> None:
    append(transcript(tmp_path, "z"), *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()

    answering, usual = threading.Event(), getattr(writer, late)

    def wait_and(path: Path) -> object:
        answering.wait(5)
        return usual(path)

    async with running(tmp_path) as daemon:
        monkeypatch.setattr(writer, late, wait_and)
        early = claude.prompt(second=-60, key="early")
        append(transcript(tmp_path, "a"), early, *SPENT)
        await daemon.read()
        with pytest.raises(StoreUnansweredError):
            await daemon.flusher.flush_all()

        answering.set()
        append(transcript(tmp_path, "a"), claude.reply("m3", second=9, inp=1, out=1))
        await eventually(lambda: is_synced(daemon))

        sessions = [daemon.session("z"), daemon.session("a")]
        assert [each.messages for each in sessions] == [0, 3]

    stored = accounts(tmp_path)
    assert {row[1] for row in stored["responses"]} == {"a"}
    assert {row[1] for row in stored["cells"]} == {"a"}
    async with running(tmp_path) as daemon:
        assert daemon.session("z").messages == 0


async def is_synced(daemon: Daemon) -> bool:
    """Try to store all there is; say whether that worked."""
    try:
        await daemon.sync()
    except StoreError:
        return False

    return True


async def test_a_database_of_before_the_books_is_read_into_them(tmp_path: Path) -> None:
    path = transcript(tmp_path)
    append(path, *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        expected = daemon.session().row()
        counts = daemon.block().counts()
    forget_books(tmp_path)

    async with running(tmp_path) as daemon:
        await daemon.sync()

        assert daemon.session().row() == expected
        assert daemon.block().counts() == counts
        append(path, claude.reply("m9", second=9, inp=1, out=1, read=0))
        await daemon.sync()

        assert daemon.session().messages == 3
        assert daemon.lines_by_speaker() == (2, 3)


async def test_a_parser_that_says_something_else_replaces_what_was_said(
    tmp_path: Path,
) -> None:
    append(transcript(tmp_path), *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()
    correct = accounts(tmp_path)
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as raw:
        raw.execute("UPDATE response SET output = output + 1000")
    newer = AGENTS.replaced(replace(AGENTS["claude"], version=NEWER))

    async with running(tmp_path, agents=newer) as daemon:
        await daemon.sync()

        assert daemon.session().messages == 2

    assert accounts(tmp_path)["responses"] == correct["responses"]
    async with running(tmp_path) as daemon:
        assert not daemon.block().must_be_reread(NEWER)


async def test_what_a_newer_parser_does_not_say_is_dropped(tmp_path: Path) -> None:
    class Talkative(ClaudeReader):
        def read(self, text: bytes, *, offset: int) -> Record | None:
            record = super().read(text, offset=offset)
            assert record is not None
            bogus = UsageReported(response=f"bogus-{offset}", tokens=Tokens(output=9))
            return replace(record, events=(*record.events, bogus))

    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for home in (right, wrong):
        append(transcript(home), *SPENT)

    talkative = AGENTS.replaced(replace(AGENTS["claude"], reader=Talkative))
    async with running(wrong, agents=talkative) as daemon:
        await daemon.sync()
        assert daemon.session().messages == 6

    newer = AGENTS.replaced(replace(AGENTS["claude"], version=NEWER))
    for home in (right, wrong):
        async with running(home, agents=newer) as daemon:
            await daemon.sync()
            assert daemon.session().messages == 2

    books = accounts(wrong)
    assert {**books, "sessions": []} == {**accounts(right), "sessions": []}


async def test_costs_follow_the_prices_while_lines_come(tmp_path: Path) -> None:
    """Each token costs one at first, then ten."""
    factor = 1

    def price(
        model: str | None, variant: Variant, at_ms: int | None, tokens: Tokens, _: int
    ) -> int:
        return factor * tokens.total

    for number in range(150):
        reply = claude.reply(f"m{number}", second=1, inp=1, out=number, read=0)
        append(transcript(tmp_path, f"s{number}"), reply)

    async with running(tmp_path, price=price) as daemon:
        ledger = daemon.sessions.ledger
        ledger.use_prices("one")
        await daemon.sync()
        factor = 10
        ledger.use_prices("ten")
        async with anyio.create_task_group() as group:
            group.start_soon(daemon.flusher.flush_while, ledger.needs_repricing)
            for number in range(150):
                more = claude.reply(f"n{number}", second=2, inp=3, out=4, read=0)
                append(transcript(tmp_path, f"s{number}"), more)
                await daemon.read()

        await daemon.sync()
        costs = {each.session_id: each.cost_micros for each in ledger.sessions()}
        cells = {each.session_id: each.cost_micros for each in ledger.rollup.cells()}

    expected = {f"s{number}": 10 * (number + 8) for number in range(150)}
    assert costs == cells == expected
    assert {row[1]: row[6] for row in accounts(tmp_path)["cells"]} == expected
    async with running(tmp_path, price=price) as daemon:
        daemon.sessions.ledger.use_prices("ten")
        assert not daemon.sessions.ledger.needs_repricing()


async def test_a_poisonous_line_is_listed_and_the_next_one_read(tmp_path: Path) -> None:
    class Brittle(ClaudeReader):
        def read(self, text: bytes, *, offset: int) -> Record | None:
            if b'"m1"' in text:
                raise RuntimeError("a bug")

            return super().read(text, offset=offset)

    brittle = AGENTS.replaced(replace(AGENTS["claude"], reader=Brittle))
    append(transcript(tmp_path), *SPENT[:2], b"{half", *SPENT[2:])
    async with running(tmp_path, agents=brittle) as daemon:
        await daemon.sync()

        assert daemon.session().messages == 1
        assert daemon.block().malformed_count == 2
        assert daemon.block().error is None

    with closing(sqlite3.connect(tmp_path / "s.db")) as raw:
        listed = raw.execute(
            "SELECT length, reason FROM bad_line ORDER BY line_offset"
        ).fetchall()
    assert listed == [
        (len(SPENT[1]), "internal error; see the daemon's log"),
        (len(b"{half"), "not a JSON object"),
    ]


async def test_books_are_made_again_when_the_database_is_deleted(
    tmp_path: Path,
) -> None:
    path = transcript(tmp_path)
    append(path, *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        expected = daemon.session().row()
        delete_database(tmp_path)

        append(path, claude.reply("m2", second=2, inp=1, out=2, read=0))
        await daemon.sync()
        await daemon.sync()

        assert daemon.session().row().tokens == expected.tokens
        (entry,) = daemon.sessions.entries()
        assert [each.block_id for each in entry.blocks] == [daemon.block().block_id]

    assert len(accounts(tmp_path)["responses"]) == 2


async def test_a_flush_that_waits_while_another_writer_replaces_the_database(
    tmp_path: Path,
) -> None:
    path = transcript(tmp_path)
    append(path, *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        expected = daemon.session().row()
        delete_database(tmp_path)
        append(path, claude.reply("m2", second=2, inp=1, out=2, read=0))
        await daemon.read()

        async with anyio.create_task_group() as group:
            group.start_soon(daemon.store.apply_one, lambda _: None)
            group.start_soon(daemon.flusher.flush_all)

        await daemon.sync()

        assert daemon.store.generation == 1
        assert daemon.session().row().tokens == expected.tokens

    assert len(accounts(tmp_path)["responses"]) == 2


async def test_a_file_that_was_written_anew_is_accounted_once(tmp_path: Path) -> None:
    path = transcript(tmp_path)
    append(path, *SPENT)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        path.write_bytes(b"".join(line + b"\n" for line in SPENT[1:]))
        await daemon.sync()

        assert daemon.session().messages == 2
        assert daemon.block().line_count == 7


async def test_a_thread_that_was_cut_goes_on_from_the_totals_before_the_cut(
    tmp_path: Path,
) -> None:
    path = transcript(tmp_path, codex.THREAD, agent="codex")
    async with running(tmp_path) as daemon:
        await daemon.sync()  # so that what comes now is live, and remembered by line
        append(path, codex.meta(), codex.count(100, 100))
        kept_bytes = path.stat().st_size
        append(path, codex.count(110, 10))
        await daemon.sync()

        os.truncate(path, kept_bytes)
        append(path, codex.turn("again"), codex.count(105, 5))
        await daemon.sync()

        assert daemon.block().line_count == 5
        assert daemon.session(codex.THREAD, "codex").tokens.input == 115


async def test_what_a_deleted_log_counted_stays_when_its_fork_is_read_again(
    tmp_path: Path,
) -> None:
    """A fork's copy may end in the middle of a message that the original goes on with."""
    shared = claude.reply("m1", second=1, inp=10, out=5)
    append(
        transcript(tmp_path, "s1"),
        claude.prompt(second=0),
        shared,
        claude.reply("m1", second=2, inp=10, out=70),
    )
    append(
        transcript(tmp_path, "s2"),
        shared,
        claude.reply("m2", second=9, inp=1, out=3),
    )
    async with running(tmp_path) as daemon:
        await daemon.sync()
        expected = {each: daemon.session(each).tokens for each in ("s1", "s2")}

    assert [each.output for each in expected.values()] == [70, 3]
    mark_as_read_by_an_older_parser(tmp_path)
    transcript(tmp_path, "s1").unlink()

    async with running(tmp_path) as daemon:
        await daemon.sync()
        found = {each: daemon.session(each).tokens for each in ("s1", "s2")}

    assert found == expected


def mark_as_read_by_an_older_parser(home: Path) -> None:
    """Leave the database as the version before this one left it."""
    with closing(sqlite3.connect(home / "s.db", isolation_level=None)) as raw:
        for table in ("response", "call", "mark"):
            raw.execute(f"UPDATE {table} SET version = version - ?", (GENERATIONS,))

        raw.execute("UPDATE block SET parser_version = parser_version - 1")


def delete_database(home: Path) -> None:
    for file in home.glob("s.db*"):
        file.unlink()


def forget_books(home: Path) -> None:
    """Leave the database as a daemon without books leaves it."""
    with closing(sqlite3.connect(home / "s.db", isolation_level=None)) as raw:
        for table in ("response", "call", "mark", "cell", "session"):
            raw.execute(f"DELETE FROM {table}")

        raw.execute("UPDATE block SET parser_version = 0, ledger_memory = NULL")


async def test_totals_are_current_as_soon_as_a_line_is_counted(tmp_path: Path) -> None:
    path = transcript(tmp_path)
    append(path, claude.reply("m1", inp=10, out=5))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        lines = claude.reply("m1", inp=10, out=7), claude.reply("m2", inp=1, out=1)
        append(path, *lines)
        await eventually(lambda: daemon.block().line_count == 3)

        session = daemon.block().session

        assert session is not None
        assert (session.messages, session.tokens.output) == (2, 8)
        assert session.cost_micros == 10 + 7 + 1 + 1


def push(daemon: Daemon, *lines: bytes) -> None:
    """Push *lines* to *daemon*, which are kept nowhere else."""
    block = daemon.blocks.get(BlockId("pushed"))
    if block is None:
        origin = Origin(block_id=BlockId("pushed"), kind=Kind.PUSH, agent="claude")
        block = Block(origin)
        daemon.blocks.add(block, 5)

    items = [TextLine(number, each) for number, each in enumerate(lines)]
    position = Position(offset=block.position.offset + 1)
    daemon.intake.fold(block, items, position)


async def test_a_newer_reader_goes_on_with_what_was_pushed_before(
    tmp_path: Path,
) -> None:
    """A client that stays connected over an upgrade has nothing that is read again."""
    async with running(tmp_path) as daemon:
        push(daemon, *START[:3])
        await daemon.sync()

    newer = AGENTS.replaced(replace(AGENTS["claude"], version=NEWER))
    async with running(tmp_path, agents=newer) as daemon:
        daemon.sessions.meet_restored(daemon.block(), daemon.intake.clock.unix_ms())
        push(daemon, *START[3:])
        await daemon.sync()
        tokens = [each.tokens for each in daemon.sessions.ledger.sessions()]

    assert sum(tokens, NO_TOKENS) == read_all(printed(*START)).tokens()
