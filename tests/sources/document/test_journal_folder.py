"""A folder of a journal and documents: each item once, in the order of its parts."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jarvisd.core.source import Budget
from jarvisd.core.sources.document.description import DocumentKind, Elements
from jarvisd.core.sources.document.journal_folder import (
    FolderPart,
    JournalFolder,
    JournalFolderKind,
)
from tests.sources.document.counting import SteppedClock


class Snapshot(msgspec.Struct):
    """A document of one element."""

    total: msgspec.Raw


DOCUMENT = DocumentKind(
    Snapshot, lambda each: [Elements("total", [each.total], ["total"])]
)


def part_of(name: str) -> FolderPart | None:
    match name.split("/"):
        case ["snapshots", number, "state.json"]:
            return FolderPart(order=2 * int(number), document=DOCUMENT)
        case ["journal", name] if name.endswith(".jsonl"):
            return FolderPart(order=2 * int(name.removesuffix(".jsonl")) + 1)
        case _:
            return None


KIND = JournalFolderKind(part_of)
CLOCK = SteppedClock()
"""Far in the future: each file has been at rest for long."""

WHOLE = Budget()


class Session:
    """A folder that a program writes, and what was read of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = JournalFolder(str(path), KIND, CLOCK)

    def append(self, journal: int, text: str) -> Path:
        path = self.path / f"journal/{journal}.jsonl"
        path.parent.mkdir(exist_ok=True, parents=True)
        with path.open("a") as file:
            file.write(text)

        return path

    def fold(self, number: int, total: Any) -> None:
        path = self.path / f"snapshots/{number}/state.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"total": total}))

    def restart(self) -> None:
        cursor = self.source.cursor()
        self.source = JournalFolder(str(self.path), KIND, CLOCK, cursor)

    def read(self, budget: Budget = WHOLE) -> list[str]:
        found: list[str] = []
        while (batch := self.source.read(budget)).more:
            assert self.source.read(budget) is batch
            found += [each.body.decode() for each in batch.items]
            for each in batch.items:
                assert self.source.locate(each.ref) == each.body

            self.source.applied(batch)

        assert batch.fault is None
        return found


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "s1")


@pytest.mark.parametrize("budget", [WHOLE, Budget(items=1, size_bytes=4)])
def test_parts_are_read_in_their_order_and_once(
    session: Session, budget: Budget
) -> None:
    session.append(3, "3a\n")
    session.append(1, "1a\n\n1b\n")
    session.fold(2, 20)

    assert session.read(budget) == ["1a", "1b", "20", "3a"]
    assert session.read(budget) == []
    session.restart()
    assert session.read(budget) == []
    session.append(3, "3b\n")
    session.append(1, "\u00e9\n")
    assert session.read(budget) == ["\u00e9", "3b"]


def test_an_unfinished_line_is_waited_for(session: Session) -> None:
    session.append(1, "whole\nha")
    assert session.read() == ["whole"]

    session.append(1, "lf\n")

    assert session.read() == ["half"]


def test_a_journal_that_was_folded_is_forgotten_with_what_was_read_of_it(
    session: Session,
) -> None:
    path = session.append(1, "1a\n")
    assert session.read() == ["1a"]
    before = len(session.source.cursor())

    path.unlink()
    session.fold(2, 20)
    session.append(3, "3a\n")

    assert session.read() == ["20", "3a"]
    session.restart()
    assert session.read() == []
    (session.path / "snapshots/2/state.json").unlink()
    assert session.read() == []
    assert len(session.source.cursor()) <= before


def test_a_file_that_was_written_anew_is_read_from_its_beginning(
    session: Session,
) -> None:
    path = session.append(1, "1a\n1b\n")
    assert session.read() == ["1a", "1b"]

    path.write_text("2a\n2b\n2c\n")

    assert session.read() == ["2a", "2b", "2c"]


def test_what_is_read_was_not_applied_until_it_was(session: Session) -> None:
    session.append(1, "1a\n")
    assert session.source.read(WHOLE).items

    session.restart()

    assert session.read() == ["1a"]


def test_what_cannot_be_read_is_a_fault_and_the_rest_is_read(session: Session) -> None:
    session.append(1, "1a\n")
    path = session.append(3, "3a\n")
    path.unlink()
    path.mkdir()
    (session.path / "journal/5.jsonl").symlink_to("/etc/passwd")
    session.append(7, "7a\n")

    assert session.read() == ["1a", "7a"]


def test_a_folder_that_is_gone_is_reported(session: Session) -> None:
    assert session.source.read(WHOLE).gone


@pytest.mark.parametrize("cursor", [b"", b"\0", b"\x81\xa1a\xa1b", b"\xc1" * 99])
def test_a_cursor_that_is_damaged_is_none(session: Session, cursor: bytes) -> None:
    session.append(1, "1a\n")
    session.source = JournalFolder(str(session.path), KIND, CLOCK, cursor)

    assert session.read() == ["1a"]
