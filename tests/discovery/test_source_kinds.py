"""Sources of other kinds than files of lines, added under a root of a toy agent.

The daemon's parts are the real ones, on real files with real watchers; only the agent
is from here.
"""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.block import Block
from jarvisd.core.event import UsageReported
from jarvisd.core.intake import Intake
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Record
from jarvisd.core.roots import Place, SourceKind, StoredPosition, Tree
from jarvisd.core.sources.blocking_source import BlockingSource
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    FolderKind,
    named_by,
)
from jarvisd.core.sources.document.document_source import DocumentSource
from jarvisd.core.sources.document.event_folder import EventFolder
from jarvisd.core.sources.sqlite.database_source import DatabaseSource
from tests.agents.found import AGENTS
from tests.books.rig import Daemon, append, running, transcript
from tests.books.test_stored_books import delete_database
from tests.ledger import test_ledger_claude as claude
from tests.sources.sqlite.database_rig import writing
from tests.sources.sqlite.opencode_like import QUERIES
from tests.storage.building import ask
from tests.support import PATIENCE_S, eventually


class Document(msgspec.Struct):
    messages: list[msgspec.Raw] = []


class Thread(msgspec.Struct):
    """A document with several sessions, by id."""

    sessions: dict[str, list[msgspec.Raw]] = {}


class Message(msgspec.Struct):
    id: str
    output: int = 0


MAX_BYTES = 1000
DOCUMENT = DocumentKind(
    Document,
    lambda doc: [Elements("message", doc.messages, named_by("id"))],
    max_bytes=MAX_BYTES,
)
SESSIONS = DocumentKind(
    Thread,
    lambda doc: [
        Elements("message", messages, named_by("id"), stream)
        for stream, messages in doc.sessions.items()
    ],
)
EVENTS = FolderKind(lambda name: name.endswith(".json"))


class ToyReader:
    def read(self, text: bytes, *, offset: int) -> Record | None:
        try:
            message = msgspec.json.decode(text, type=Message)
        except msgspec.DecodeError:
            return None

        usage = UsageReported(
            response=message.id, model="m", tokens=Tokens(output=message.output)
        )
        return Record(
            kind="message", offset=offset, at_ms=1_790_000_000_000, events=(usage,)
        )

    def memory(self) -> bytes:
        return b""


def open_document(path: str, clock: Clock, cursor: bytes) -> DocumentSource:
    return DocumentSource(path, DOCUMENT, clock, cursor)


def open_sessions(path: str, clock: Clock, cursor: bytes) -> DocumentSource:
    return DocumentSource(path, SESSIONS, clock, cursor)


def open_database(path: str, clock: Clock, cursor: bytes) -> DatabaseSource:
    return DatabaseSource(path, QUERIES, clock, cursor)


def open_folder(path: str, clock: Clock, cursor: bytes) -> EventFolder:
    return EventFolder(path, EVENTS, clock, cursor)


def database_place(parts: tuple[str, ...]) -> Place | None:
    return Place() if parts[-1].endswith(".db") else None


def document_place(parts: tuple[str, ...]) -> Place | None:
    path = Path(parts[-1])
    return Place(session_id=SessionId(path.stem)) if path.suffix == ".json" else None


def lines_or_document(parts: tuple[str, ...]) -> Place | None:
    path = Path(parts[-1])
    kind = {".json": SourceKind(open=open_document), ".jsonl": None}
    if path.suffix not in kind:
        return None

    return Place(session_id=SessionId(path.stem), kind=kind[path.suffix])


def folder_place(parts: tuple[str, ...]) -> Place | None:
    return Place(session_id=SessionId(parts[-2])) if len(parts) > 1 else None


PlaceOf = Callable[[tuple[str, ...]], Place | None]


def toy(
    kind: SourceKind | None, place: PlaceOf = document_place, *, version: int = 1
) -> AgentRegistry:

    def roots(
        _environ: Mapping[str, str], home: Path, _roots: tuple[Path, ...]
    ) -> tuple[Tree, ...]:
        root = home / ".toy"
        tree = Tree(
            agent="toy", root=root, place=place, enters=lambda _: True, kind=kind
        )
        return (tree,)

    agent = msgspec.structs.replace(
        AGENTS["text"],
        name="toy",
        roots=roots,
        reader=lambda _context, _saved: ToyReader(),
        version=version,
    )
    return AGENTS.replaced(agent)


DOCUMENTS = toy(SourceKind(open=open_document))
FOLDERS = toy(SourceKind(open=open_folder, is_folder=True), folder_place)
THREADS = toy(SourceKind(open=open_sessions), lambda _: Place())
MIXED = toy(None, lines_or_document)
BESIDE = ("-wal", "-journal")
DATABASES = toy(SourceKind(open=open_database, beside=BESIDE), database_place)


def text_of(*outputs: int) -> str:
    messages = [{"id": f"m{n}", "output": each} for n, each in enumerate(outputs)]
    return json.dumps({"messages": messages})


def write(path: Path, text: str) -> None:
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink()


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / ".toy" / "s1.json"
    path.parent.mkdir()
    return path


def output(daemon: Daemon) -> int:
    found = daemon.sessions.ledger.session("toy", SessionId("s1"))
    return 0 if found is None else found.tokens.output


async def test_each_element_of_a_document_is_counted_once_however_it_is_rewritten(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        assert (daemon.block().line_count, output(daemon)) == (1, 1)

        for outputs in ((1, 10), (1, 10, 100)):
            write(document, text_of(*outputs))
            await daemon.sync()

            assert output(daemon) == sum(outputs)

        assert daemon.block().line_count == 3
        assert daemon.block().char_count == sum(
            len(json.dumps({"id": f"m{n}", "output": 10**n})) for n in range(3)
        )


async def test_a_changed_element_takes_the_place_of_what_it_counted(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1, 2))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()

        write(document, text_of(1, 2000))
        await eventually(lambda: output(daemon) == 2001)

        block = daemon.block()
        assert (block.line_count, block.char_count) == (2, 25 + 28)


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_malformed_element_that_is_mended_is_malformed_no_more(
    tmp_path: Path, document: Path, is_restarted: bool
) -> None:
    """Nor is its line among the bad ones in the database; a good one may become one."""
    bad, good = ({"id": f"m{each}", "output": "words"} for each in (0, 1))
    write(document, json.dumps({"messages": [bad, {"id": "m1"}]}))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        assert daemon.block().malformed_count == 1
        if is_restarted:
            daemon.crash()

        write(document, json.dumps({"messages": [{"id": "m0", "output": 7}, good]}))
        await eventually(lambda: output(daemon) == 7)
        await daemon.sync() if not is_restarted else None

    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        block = daemon.block()
        assert (block.line_count, block.malformed_count) == (2, 1)
        (line,) = block.bad_lines

    stored = ask(tmp_path / "s.db", "SELECT line_offset FROM bad_line")
    assert stored == [(line.offset,)]


async def test_a_second_reading_counts_no_bad_line_again(
    tmp_path: Path, document: Path
) -> None:
    write(document, json.dumps({"messages": [{"id": "m0", "output": "words"}]}))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        delete_database(tmp_path)
        daemon.intake.touch(daemon.block())
        await daemon.sync()
        await eventually(lambda: daemon.block().parser_version == 1)
        block = daemon.block()

    assert block.malformed_count == 1
    assert len(block.bad_lines) == 1


async def test_a_document_goes_on_from_its_cursor_after_a_restart(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1, 2))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()

    write(document, text_of(1, 2, 4))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()

        assert (daemon.block().line_count, output(daemon)) == (3, 7)


async def test_files_of_lines_and_documents_of_one_root_are_each_read_as_they_are(
    tmp_path: Path, document: Path
) -> None:
    lines = document.with_suffix(".jsonl")
    write(document, text_of(1, 2))
    append(lines, json.dumps({"id": "m2", "output": 4}).encode())
    async with running(tmp_path, agents=MIXED) as daemon:
        await daemon.sync()

        assert output(daemon) == 7

    write(document, text_of(1, 2, 4, 8))
    append(lines, json.dumps({"id": "m4", "output": 16}).encode())
    async with running(tmp_path, agents=MIXED) as daemon:
        await daemon.sync()

        assert output(daemon) == 31
        assert sorted(each.line_count for each in daemon.blocks) == [2, 4]


async def test_what_a_crash_lost_of_a_document_is_read_again(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1, 2))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        daemon.crash()
        write(document, text_of(1, 2, 4))
        await eventually(lambda: output(daemon) == 7)

    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()

        assert (daemon.block().line_count, output(daemon)) == (3, 7)


async def add_to_folder(home: Path, number: int) -> None:
    folder = home / ".toy" / "s1"
    folder.mkdir(parents=True, exist_ok=True)
    event = {"id": f"m{number}", "output": 10**number}
    (folder / f"{number}.json").write_text(json.dumps(event))


async def add_to_document(home: Path, number: int) -> None:
    path = home / ".toy" / "s1.json"
    path.parent.mkdir(exist_ok=True)
    write(path, text_of(*(10**each for each in range(number + 1))))


@pytest.mark.parametrize(
    ("agents", "add"), [(DOCUMENTS, add_to_document), (FOLDERS, add_to_folder)]
)
async def test_a_flush_between_the_fetch_of_items_and_their_count_stores_no_cursor(
    agents: AgentRegistry,
    add: Callable[[Path, int], Awaitable[None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await add(tmp_path, 0)
    async with running(tmp_path, agents=agents) as daemon:
        await daemon.sync()
        fetch, crashed = BlockingSource.prepare, anyio.Event()

        async def fetch_and_crash(source: BlockingSource) -> None:
            await fetch(source)
            if source._fetched is None or not source._fetched[0].items:
                return  # the file is left alone until its writer is done

            daemon.flusher.touch(daemon.block())
            with suppress(StoreError):
                await daemon.flusher.flush_all()
            daemon.crash()
            crashed.set()

        monkeypatch.setattr(BlockingSource, "prepare", fetch_and_crash)
        await add(tmp_path, 1)
        with anyio.fail_after(PATIENCE_S):
            await crashed.wait()

    monkeypatch.undo()
    async with running(tmp_path, agents=agents) as daemon:
        await daemon.sync()

        assert (daemon.block().line_count, output(daemon)) == (2, 11)


async def test_a_document_that_cannot_be_read_is_reported_and_read_once_it_can(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(*range(MAX_BYTES)))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        assert "is longer than can be read" in str(daemon.block().error)

        write(document, text_of(5))
        await eventually(lambda: output(daemon) == 5)

        assert daemon.block().error is None


async def test_a_document_that_is_removed_ends_its_block_and_keeps_its_counts(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        remove(document)
        await daemon.sync()

        assert (daemon.block().ended, daemon.block().line_count) == (True, 1)
        assert daemon.reader.slice_reader.missed_files == 0


async def test_the_files_of_a_folder_are_items_of_one_source(tmp_path: Path) -> None:
    folder = tmp_path / ".toy" / "s1"
    folder.mkdir(parents=True)
    async with running(tmp_path, agents=FOLDERS) as daemon:
        for number in range(3):
            event = {"id": f"m{number}", "output": 10**number}
            (folder / f"{number}.json").write_text(json.dumps(event))

        await eventually(lambda: output(daemon) == 111)

        assert daemon.block().origin.path == str(folder)
        assert daemon.block().line_count == 3


async def test_a_newer_parser_reads_documents_again(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1, 2))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()

    newer = toy(SourceKind(open=open_document), version=2)
    async with running(tmp_path, agents=newer) as daemon:
        await daemon.sync()

        assert (daemon.block().parser_version, daemon.block().line_count) == (2, 2)
        assert output(daemon) == 3


async def test_what_was_removed_stays_counted_when_a_newer_parser_reads_again(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1, 2))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        write(document, json.dumps({"messages": [{"id": "next", "output": 100}]}))
        await eventually(lambda: output(daemon) == 103)

    newer = toy(SourceKind(open=open_document), version=2)
    async with running(tmp_path, agents=newer) as daemon:
        await daemon.sync()
        await daemon.flusher.flush_all()

        assert daemon.block().parser_version == 2
        assert output(daemon) == 103


async def test_items_can_be_read_again_to_explain_and_to_show_the_last(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1, 2, 3))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        block = daemon.block()
        source = block.source
        assert source is not None
        last = await anyio.to_thread.run_sync(source.last_lines, block.position, 2)

    assert [json.loads(each)["id"] for each in last] == ["m1", "m2"]


async def test_a_document_whose_root_is_not_read_keeps_its_cursor(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1, 2))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()

    async with running(tmp_path) as daemon:
        await daemon.sync()
        assert isinstance(daemon.block().position, StoredPosition)

    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()
        assert (daemon.block().line_count, output(daemon)) == (2, 3)


async def test_files_of_lines_are_read_beside_documents(
    tmp_path: Path, document: Path
) -> None:
    write(document, text_of(1))
    append(transcript(tmp_path), claude.prompt(second=0))
    async with running(tmp_path, agents=DOCUMENTS) as daemon:
        await daemon.sync()

        assert sorted(each.line_count for each in daemon.blocks) == [1, 1]

    with closing(sqlite3.connect(tmp_path / "s.db")) as raw:
        shown = raw.execute(
            "SELECT agent, line_count, size FROM block_shown"
        ).fetchall()

    size = len(claude.prompt(second=0)) + 1
    assert sorted(shown) == [("claude", 1, size), ("toy", 1, len(text_of(1)))]


def sessions_of(**outputs: list[int]) -> str:
    return json.dumps(
        {
            "sessions": {
                name: [{"id": f"{name}{n}", "output": o} for n, o in enumerate(each)]
                for name, each in outputs.items()
            }
        }
    )


def lines_by_session(daemon: Daemon) -> dict[str | None, int]:
    return {each.origin.session_id: each.line_count for each in daemon.blocks}


async def test_each_session_of_a_document_has_a_block_of_its_own(
    tmp_path: Path, document: Path
) -> None:
    write(document, sessions_of(a=[1, 2], b=[4]))
    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()
        assert lines_by_session(daemon) == {"a": 2, "b": 1}

    write(document, sessions_of(a=[1, 2], b=[4, 8], c=[16]))
    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()

        assert lines_by_session(daemon) == {"a": 2, "b": 2, "c": 1}
        sums = {name: daemon.session(name, "toy").tokens.output for name in "abc"}
        assert sums == {"a": 3, "b": 12, "c": 16}
        (of_b,) = [each for each in daemon.blocks if each.origin.session_id == "b"]
        assert of_b.source is not None
        last = await anyio.to_thread.run_sync(of_b.source.last_lines, of_b.position, 9)
        assert [json.loads(each)["id"] for each in last] == ["b0", "b1"]


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_sessions_that_fail_in_one_slice_cost_no_other_and_are_read_again(
    tmp_path: Path,
    document: Path,
    is_replaced: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = sessions_of(a=[1, 2], b=[4], c=[8], d=[16])
    async with running(tmp_path, agents=THREADS) as daemon:
        fold, failing = Intake.fold, {"a", "c"}

        def fold_or_fail(
            intake: Intake, block: Block, *given: Any, **more: Any
        ) -> None:
            if block.origin.session_id in failing:
                failing.remove(block.origin.session_id)
                raise ZeroDivisionError
            fold(intake, block, *given, **more)

        if is_replaced:
            write(document, sessions_of(a=[1, 1], b=[1], c=[1], d=[1]))
            await daemon.sync()

        monkeypatch.setattr(Intake, "fold", fold_or_fail)
        write(document, written)
        await eventually(lambda: not failing)
        await daemon.sync()
        await eventually(lambda: daemon.session("c", "toy").tokens.output == 8)
        lines = {"a": 2, "b": 1, "c": 1, "d": 1}
        sums = {name: daemon.session(name, "toy").tokens.output for name in lines}
        assert sums == {"a": 3, "b": 4, "c": 8, "d": 16}
        assert lines_by_session(daemon) == lines
        assert {each.malformed_count for each in daemon.blocks} == {0}
        assert {each.error for each in daemon.blocks} == {None}


async def test_a_replaced_database_gets_the_cursor_of_a_document_again(
    tmp_path: Path, document: Path
) -> None:
    """Nothing has changed in the document that could have it stored once more."""
    write(document, sessions_of(a=[1, 2], b=[4]))
    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()
        delete_database(tmp_path)
        append(transcript(tmp_path), claude.prompt(second=0))
        await daemon.sync()

    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()

        assert lines_by_session(daemon) == {"a": 2, "b": 1, "s1": 1}


async def test_items_of_no_session_are_a_block_of_their_own(
    tmp_path: Path, document: Path
) -> None:
    write(document, sessions_of(a=[1]))
    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()
        assert (len(daemon.blocks), daemon.blocks.totals["toy"].blocks) == (1, 1)

        write(document, json.dumps({"sessions": {"": [{"id": "m"}], "a": []}}))
        await eventually(lambda: lines_by_session(daemon) == {None: 1, "a": 1})
        assert daemon.blocks.totals["toy"].blocks == 2

    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()
        assert lines_by_session(daemon) == {None: 1, "a": 1}


async def test_a_newer_parser_reads_all_sessions_of_a_document_again(
    tmp_path: Path, document: Path
) -> None:
    write(document, sessions_of(a=[1, 2], b=[4]))
    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()

    newer = toy(SourceKind(open=open_sessions), lambda _: Place(), version=2)
    async with running(tmp_path, agents=newer) as daemon:
        await daemon.sync()

        assert lines_by_session(daemon) == {"a": 2, "b": 1}
        versions = {each.parser_version for each in daemon.blocks if each.line_count}
        assert versions == {2}


async def test_no_session_is_stored_without_the_cursor_that_they_share(
    tmp_path: Path, document: Path
) -> None:
    """A commit of one block alone, as pushed lines ask for, takes the others along."""
    write(document, sessions_of(a=[1], b=[2]))
    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()
        write(document, sessions_of(a=[1, 10], b=[2, 20]))
        await daemon.read()
        (of_a,) = [each for each in daemon.blocks if each.origin.session_id == "a"]
        await daemon.flusher.commit(of_a)
        daemon.crash()

    async with running(tmp_path, agents=THREADS) as daemon:
        await daemon.sync()

        assert lines_by_session(daemon) == {"a": 2, "b": 2}


async def test_the_sessions_of_a_live_database_are_counted_as_they_grow(
    tmp_path: Path,
) -> None:
    path = tmp_path / ".toy" / "s.db"
    await anyio.Path(path.parent).mkdir()
    with writing(path) as agent:
        first = agent("session")
        message = agent("message", first)
        async with running(tmp_path, agents=DATABASES) as daemon:
            await eventually(lambda: lines_by_session(daemon).get(first) == 1)

            agent("part", message)
            second = agent("session")
            agent("message", second)
            await eventually(lambda: lines_by_session(daemon) == {first: 2, second: 1})
            await daemon.sync()

        agent("part", message)
        agent("update", "message", message)
        agent("delete_session", second)
        async with running(tmp_path, agents=DATABASES) as daemon:
            await daemon.sync()

            assert lines_by_session(daemon)[first] == 3
            ended = {each.origin.session_id: each.ended for each in daemon.blocks}
            assert ended == {first: False, second: True}
