"""Folders whose documents and events are one session."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from jarvisd.core.source import Budget, ItemRef
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    FolderKind,
    SessionFolderKind,
    keyed,
    named_by,
)
from jarvisd.core.sources.document.document_source import HALF_WRITTEN
from jarvisd.core.sources.document.session_folder import SessionFolder
from tests.sources.document.counting import Counted, SteppedClock, drain


class Messages(msgspec.Struct):
    messages: list[msgspec.Raw] = []
    of: str = ""


class Status(msgspec.Struct):
    status: msgspec.Raw = msgspec.Raw()


MESSAGES = DocumentKind(
    Messages, lambda doc: [Elements("message", doc.messages, named_by("id"), doc.of)]
)
STATUS = DocumentKind(
    Status, lambda doc: [keyed("state", {"status": doc.status})], is_dated=True, order=1
)
HEAD = DocumentKind(
    Status, lambda doc: [keyed("head", {"status": doc.status})], order=-1
)
NO_KINDS: tuple[DocumentKind, ...] = ()
KINDS = {
    "b.messages.json": (MESSAGES,),
    "c.messages.json": (MESSAGES,),
    "a.json": (STATUS,),
    "d.json": (STATUS, HEAD),
}
KIND = SessionFolderKind(
    lambda name: KINDS.get(name, NO_KINDS),
    events_folder="events",
    events=FolderKind(lambda name: name.endswith(".json")),
)


class Rig:
    """A folder of a session, its source and what was counted of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SteppedClock()
        self.counted = Counted()
        self.source = SessionFolder(str(folder), KIND, self.clock)

    def restart(self) -> None:
        cursor = self.source.cursor()
        self.source = SessionFolder(str(self.folder), KIND, self.clock, cursor)

    def write(self, name: str, **fields: object) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(fields))
        now_ns = self.clock.unix_ms() * 1_000_000
        os.utime(path, ns=(now_ns, now_ns))
        os.utime(path.parent, ns=(now_ns, now_ns))

    def read(self, budget: Budget | None = None) -> list[str]:
        """Return the keys of what is new, without what they all begin with."""
        before = len(self.counted.order)
        drain(self.source, self.counted)
        self.clock.now += 10
        drain(self.source, self.counted, budget)
        return [each.removeprefix("element:") for each in self.counted.order[before:]]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_events_come_first_then_documents_in_their_order(rig: Rig) -> None:
    rig.write("a.json", status="running")
    rig.write("b.messages.json", messages=[{"id": "m1"}, {"id": "m2"}])
    rig.write("events/0.json", id="e0")
    rig.write("notes.json", id="n")

    assert rig.read() == [
        "events/0.json",
        "b.messages.json/message/m1",
        "b.messages.json/message/m2",
        "a.json/state/status",
    ]


def test_a_document_may_be_read_first_in_one_part_and_last_in_another(
    rig: Rig,
) -> None:
    rig.write("d.json", status="running")
    rig.write("b.messages.json", messages=[{"id": "m1"}])

    assert rig.read() == [
        "d.json+/head/status",
        "b.messages.json/message/m1",
        "d.json/state/status",
    ]
    rig.restart()
    assert rig.read() == []


@pytest.mark.parametrize("budget", [None, Budget(items=1)])
def test_only_what_has_changed_comes_again(rig: Rig, budget: Budget | None) -> None:
    rig.write("a.json", status="running")
    rig.write("b.messages.json", messages=[{"id": "m1"}])
    rig.write("c.messages.json", messages=[{"id": "m1"}], of="child")
    assert len(rig.read(budget)) == 3

    rig.restart()
    rig.write("a.json", status="done")
    rig.write("b.messages.json", messages=[{"id": "m1"}, {"id": "m2"}])

    assert rig.read(budget) == ["b.messages.json/message/m2", "a.json/state/status"]
    assert rig.counted.items == 4
    assert rig.read(budget) == []


def test_a_batch_comes_again_until_it_is_applied(rig: Rig) -> None:
    rig.write("b.messages.json", messages=[{"id": "m1"}])
    rig.clock.now += 20
    first = rig.source.read(Budget())
    before = rig.source.cursor()

    assert rig.source.read(Budget()) is first
    assert rig.source.cursor() == before
    rig.source.applied(first)
    assert rig.source.cursor() != before


def test_a_half_written_document_holds_no_other_back(rig: Rig) -> None:
    rig.write("a.json", status="running")
    (rig.folder / "b.messages.json").write_text('{"messages": [')
    assert rig.read() == ["a.json/state/status"]
    assert rig.read() == []

    assert rig.counted.fault is not None
    assert rig.counted.fault.reason == HALF_WRITTEN
    rig.write("b.messages.json", messages=[{"id": "m1"}])
    assert rig.read() == ["b.messages.json/message/m1"]
    assert rig.counted.fault is None


def test_items_without_times_have_that_of_their_document(rig: Rig) -> None:
    written_ms = rig.clock.unix_ms()
    rig.write("a.json", status="running")
    rig.clock.now += 20

    (item,) = rig.source.read(Budget()).items

    assert item.written_ms == written_ms


def test_an_item_is_found_by_its_name(rig: Rig) -> None:
    rig.write("a.json", status="running")
    rig.write("events/0.json", id="e0")
    rig.read()

    for key, text in rig.counted.last.items():
        assert rig.source.locate(ItemRef(key)) == text

    for key in ("element:", "element:a.json", "element:../a.json/x", "line:0"):
        assert rig.source.locate(ItemRef(key)) is None


def test_a_document_that_is_removed_stays_counted(rig: Rig) -> None:
    rig.write("a.json", status="running")
    rig.read()
    (rig.folder / "a.json").unlink()
    assert rig.read() == []
    assert not rig.counted.gone

    rig.write("a.json", status="running")
    assert rig.read() == []
    (rig.folder / "a.json").unlink()
    rig.folder.rmdir()
    rig.read()
    assert rig.counted.gone


def test_a_cursor_that_is_damaged_is_none(rig: Rig) -> None:
    rig.write("a.json", status="running")
    rig.clock.now += 20
    source = SessionFolder(str(rig.folder), KIND, rig.clock, b"\xff")

    assert len(source.read(Budget()).items) == 1
