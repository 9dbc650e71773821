"""Documents that are rewritten: each element counted once, whatever the rewrite."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from jarvisd.core.source import Budget, ItemRef
from jarvisd.core.sources.document.description import (
    MAX_ELEMENTS,
    DocumentKind,
    Elements,
    numbered,
)
from jarvisd.core.sources.document.document_source import (
    HALF_WRITTEN,
    TOO_MANY,
    UNKNOWN_SHAPE,
    DocumentSource,
)
from tests.sources.document.counting import Counted, SteppedClock, drain
from tests.sources.document.kinds import CLINE, Raws


class Rig:
    """One document, its source and what was counted of it."""

    def __init__(self, path: Path, kind: DocumentKind = CLINE) -> None:
        self.path, self.kind = path, kind
        self.clock = SteppedClock()
        self.counted = Counted()
        self.source = self.opened()

    def opened(self, cursor: bytes = b"") -> DocumentSource:
        return DocumentSource(str(self.path), self.kind, self.clock, cursor)

    def restart(self) -> None:
        """Go on as another daemon does that has what was stored."""
        self.source = self.opened(self.source.cursor())

    def write(self, *elements: Any, at: str = "w") -> None:
        self.write_text(json.dumps({"messages": elements}), at=at)

    def write_text(self, text: str | bytes, at: str = "w") -> None:
        data = text.encode() if isinstance(text, str) else text
        with self.path.open(f"{at}b") as file:
            file.write(data)

        # As if the clock of the file were the test's: at rest from now on.
        now_ns = self.clock.unix_ms() * 1_000_000
        os.utime(self.path, ns=(now_ns, now_ns))

    def read(self, after_s: float = 10.0, budget: Budget | None = None) -> Counted:
        drain(self.source, self.counted)
        self.clock.now += after_s
        return drain(self.source, self.counted, budget)

    @property
    def keys(self) -> list[str]:
        return list(self.counted.bodies)


@contextmanager
def as_a_user() -> Iterator[None]:
    """Run as somebody whom modes of files bind, also where root runs the tests."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)

    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "messages.json")


def message(name: str, text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"id": name, "role": "assistant", "text": text, **fields}


def test_a_rewrite_gives_only_what_is_new(rig: Rig) -> None:
    rig.write(message("a"), message("b"))
    assert rig.read().order == ["element:message/a", "element:message/b"]

    rig.write(message("a"), message("b"), message("c"))
    assert rig.read().order[2:] == ["element:message/c"]
    assert rig.counted.items == 3
    assert json.loads(rig.counted.last["element:message/c"]) == message("c")


def test_a_changed_element_replaces_what_it_counted(rig: Rig) -> None:
    rig.write(message("a"), message("b", "…"))
    before = rig.read().chars

    rig.write(message("a"), message("b", "… and on"))
    counted = rig.read()
    assert counted.order[2:] == ["element:message/b"]
    assert counted.items == 2
    assert counted.chars == before + len(" and on")


def test_characters_are_code_points_of_the_text(rig: Rig) -> None:
    text = '{"id": "a", "text": "Ünï 🚀"}'
    rig.write_text(f'{{"messages": [{text}]}}')
    assert rig.read().chars == len(text)


def test_removed_elements_stay_counted_and_do_not_count_again(rig: Rig) -> None:
    rig.write(message("a"), message("b"), message("c"))
    rig.read()
    rig.write(message("a"))  # a checkpoint was restored
    assert rig.read().removed == 2

    rig.write(message("a"), message("d"))
    assert rig.read().order[3:] == ["element:message/d"]
    rig.restart()
    rig.write(message("a"), message("b"), message("c", "other"), message("d"))
    assert rig.read().order[4:] == ["element:message/c"]
    assert (rig.counted.items, rig.counted.removed) == (4, 2)


def test_a_document_begun_anew_in_its_file_counts_both(rig: Rig) -> None:
    def steps(run: str, count: int) -> list[dict[str, Any]]:
        return [{"role": "user", "content": f"{run} {n}"} for n in range(count)]

    rig.kind = DocumentKind(
        CLINE.shape,
        lambda doc: [Elements("step", doc.messages, numbered("role", "content"))],
    )
    rig.source = rig.opened()
    rig.write(*steps("first", 5))
    rig.read()
    rig.write(*steps("second", 2))
    rig.read()
    rig.write(*steps("second", 7))
    assert rig.read().items == 12


def test_an_update_in_place_without_ids_replaces(rig: Rig) -> None:
    rig.kind = DocumentKind(
        CLINE.shape,
        lambda doc: [Elements("step", doc.messages, numbered("content"))],
    )
    rig.source = rig.opened()
    rig.write({"content": "a"}, {"content": "b", "status": "calling"})
    rig.read()
    rig.write({"content": "a"}, {"content": "b", "status": "done"}, {"content": "b"})
    counted = rig.read()
    assert counted.items == 3
    assert b"done" in counted.last[counted.order[1]]


def test_an_empty_list_first_is_a_state_and_an_empty_file_is_none(
    tmp_path: Path,
) -> None:
    kind = DocumentKind(Raws, lambda rows: [Elements("row", rows, numbered())])
    rig = Rig(tmp_path / "sessions.json", kind)
    rig.write_text("[]")
    assert rig.read().items == 0
    rig.write_text('[{"a": 1}]')
    assert rig.read().items == 1

    rig.write_text("")
    counted = rig.read()
    assert (counted.removed, counted.fault, counted.gone) == (0, None, False)
    rig.write_text("[]")
    assert rig.read().removed == 1
    rig.write_text('[{"a": 1}]')
    assert rig.read().items == 1


def test_nothing_is_read_before_the_writer_has_rested(rig: Rig) -> None:
    rig.write(message("a"))
    assert drain(rig.source, rig.counted).retry_s == pytest.approx(0.05, abs=0.001)
    rig.clock.now += 0.04
    rig.write(message("a"), message("b"))
    assert drain(rig.source, rig.counted).retry_s == pytest.approx(0.05, abs=0.001)
    rig.clock.now += 0.04
    assert drain(rig.source, rig.counted).items == 0
    rig.clock.now += 0.011
    assert drain(rig.source, rig.counted).items == 2


def test_a_future_time_of_a_file_holds_nothing_up(rig: Rig) -> None:
    rig.write(message("a"))
    ahead_ns = (rig.clock.unix_ms() + 86_400_000) * 1_000_000
    os.utime(rig.path, ns=(ahead_ns, ahead_ns))
    assert rig.read(after_s=0.06).items == 1


def test_half_a_document_waits_and_is_told_when_it_stays(rig: Rig) -> None:
    rig.write(message("a"), message("b"))
    rig.read()
    whole = json.dumps({"messages": [message(each) for each in "abc"]})
    rig.write_text(whole[:-20])
    began_ms = rig.clock.unix_ms()
    counted = rig.read(after_s=1)
    assert (counted.items, counted.fault, counted.removed) == (2, None, 0)
    while rig.clock.now < 1030:
        counted = rig.read(after_s=counted.retry_s or 1)

    fault = counted.fault
    assert fault is not None
    assert (fault.path, fault.reason) == (str(rig.path), HALF_WRITTEN)
    assert began_ms <= fault.since_ms <= began_ms + 2000

    rig.write_text(whole)
    counted = rig.read(after_s=0.06)
    assert (counted.items, counted.fault) == (3, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param('{"messages": {"a": 1}}', UNKNOWN_SHAPE, id="another shape"),
        pytest.param("[1, 2]", UNKNOWN_SHAPE, id="no object"),
        pytest.param("7", UNKNOWN_SHAPE, id="a number"),
        pytest.param('{"messages": [NaN]}', HALF_WRITTEN, id="NaN"),
        pytest.param(
            '{"messages": [' + "[" * 100_000 + "]" * 100_000 + "]}",
            HALF_WRITTEN,
            id="nested deep",
        ),
        pytest.param(b"\x80\xff" * 99, HALF_WRITTEN, id="noise"),
        pytest.param("\0" * 99, HALF_WRITTEN, id="NULs"),
    ],
)
def test_what_is_no_such_document_is_told(
    rig: Rig, text: str | bytes, reason: str
) -> None:
    rig.write_text(text)
    for _ in range(10):
        rig.read(after_s=6)

    assert rig.counted.fault is not None
    assert rig.counted.fault.reason == reason
    assert rig.counted.items == 0
    rig.write(message("a"))
    assert rig.read().fault is None


@pytest.mark.parametrize(
    "element",
    [
        pytest.param(rb'{"id": "a", "text": "\ud83d"}', id="half a pair"),
        pytest.param(rb'{"id": "a", "text": "\ud83d\ude00"}', id="a pair"),
        pytest.param(b'{"id": "a", "text": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"id": "a", "n": 1' + b"0" * 5000 + b"}", id="huge number"),
        pytest.param(b'{"id": "a", "id": "a"}', id="a key twice"),
    ],
)
def test_strange_elements_are_handed_on_as_they_are(rig: Rig, element: bytes) -> None:
    rig.write_text(b'\xef\xbb\xbf{"messages": [' + element + b', {"id": "b"}]}')
    counted = rig.read()
    assert counted.last["element:message/a"] == element.replace(
        rb'"\ud83d"', rb'"\ufffd"'
    )
    assert counted.items == 2


def test_two_elements_of_one_name_are_two(rig: Rig) -> None:
    rig.write(message("a"), message("a", "again"), {"role": "user"}, [1], None)
    counted = rig.read()
    assert counted.items == 5
    assert counted.order[:2] == ["element:message/a", "element:message/a#2"]
    rig.write(message("a"), message("a", "again"), {"role": "user"}, [1], None)
    assert rig.read().items == 5


@pytest.mark.parametrize("handed", range(7))
def test_a_daemon_that_ends_between_batches_counts_each_element_once(
    rig: Rig, handed: int
) -> None:
    rig.write(*(message(str(n)) for n in range(6)))
    drain(rig.source, rig.counted)
    rig.clock.now += 1
    for _ in range(handed):
        batch = rig.source.read(Budget(items=1))
        rig.counted.apply(batch)
        rig.source.applied(batch)

    rig.source.read(Budget(items=1))  # whose items were never applied
    rig.restart()
    assert rig.read().items == 6
    rig.restart()
    assert not rig.source.changed(rig.path.stat())
    assert rig.read().items == 6


def test_a_batch_comes_again_until_it_is_applied(rig: Rig) -> None:
    rig.write(message("a"))
    drain(rig.source, rig.counted)
    rig.clock.now += 1
    batch = rig.source.read(Budget())
    assert len(batch.items) == 1
    rig.write(message("a"), message("b"))
    rig.clock.now += 1
    assert rig.source.read(Budget()) is batch
    rig.counted.apply(batch)
    rig.source.applied(batch)
    assert rig.read().items == 2


def test_batches_keep_to_their_budget(rig: Rig) -> None:
    rig.write(*(message(str(n), "x" * 1000) for n in range(20)))
    drain(rig.source, rig.counted)
    rig.clock.now += 1
    sizes = []
    while (batch := rig.source.read(Budget(items=8, size_bytes=5000))).items:
        sizes.append(len(batch.items))
        rig.source.applied(batch)

    assert sum(sizes) == 20
    assert max(sizes) == 4


def test_a_file_that_goes_and_comes_back_counts_nothing_again(rig: Rig) -> None:
    rig.write(message("a"))
    rig.read()
    rig.path.unlink()
    assert rig.read().gone
    rig.write(message("a"), message("b"))
    counted = rig.read()
    assert (counted.gone, counted.items, counted.removed) == (False, 2, 0)


def test_another_inode_of_the_same_content_counts_nothing_again(rig: Rig) -> None:
    rig.write(message("a"))
    rig.read()
    aside = rig.path.with_suffix(".tmp")
    aside.write_text(json.dumps({"messages": [message("a"), message("b")]}))
    aside.rename(rig.path)
    assert rig.read().items == 2


@pytest.mark.parametrize("target", ["document", "/dev/zero", "nothing"])
def test_a_link_is_told_and_not_followed(rig: Rig, target: str) -> None:
    (rig.path.parent / "document").write_text('{"messages": [{"id": "x"}]}')
    rig.path.symlink_to(target)
    counted = rig.read()
    assert counted.items == 0
    assert counted.fault is not None
    assert "symbolic link" in counted.fault.reason

    rig.path.unlink()
    rig.write(message("a"))
    counted = rig.read()
    assert (counted.items, counted.fault) == (1, None)


def test_pipes_and_folders_are_told_and_not_opened(rig: Rig) -> None:
    os.mkfifo(rig.path)
    rig.source.read(Budget())
    rig.clock.now += 20
    assert rig.read().fault is None  # empty, as far as can be told
    rig.path.unlink()
    rig.path.mkdir()
    counted = rig.read()
    assert counted.fault is not None
    assert "not a regular file" in counted.fault.reason


def test_a_permission_that_is_lost_is_told_and_recovers() -> None:
    with as_a_user(), TemporaryDirectory() as folder:
        rig = Rig(Path(folder) / "messages.json")
        rig.write(message("a"))
        rig.read()
        rig.path.chmod(0)
        counted = rig.read()
        assert counted.fault is not None
        assert counted.fault.reason == "Permission denied"
        rig.path.chmod(0o600)
        counted = rig.read()
        assert (counted.fault, counted.items, counted.removed) == (None, 1, 0)


def test_documents_beyond_the_limits_are_told(rig: Rig) -> None:
    rig.kind = DocumentKind(CLINE.shape, CLINE.elements, max_bytes=1000)
    rig.source = rig.opened()
    rig.write(message("a"))
    rig.read()
    rig.write(message("a", "x" * 1000))
    counted = rig.read()
    assert counted.fault is not None
    assert "longer than can be read" in counted.fault.reason
    rig.write(message("a"), message("b"))
    assert rig.read().fault is None


def test_more_elements_than_can_be_remembered_are_told(rig: Rig) -> None:
    rig.write_text('{"messages": [' + "0," * MAX_ELEMENTS + "0]}")
    for _ in range(5):
        rig.read(after_s=600)

    assert rig.counted.fault is not None
    assert rig.counted.fault.reason == TOO_MANY


def test_a_hundred_thousand_elements_have_a_cursor_of_two_megabytes(rig: Rig) -> None:
    elements = [{"id": str(n)} for n in range(100_000)]
    rig.write(*elements)
    rig.read(budget=Budget(items=10_000, size_bytes=10**9))
    assert rig.counted.items == 100_000
    assert len(rig.source.cursor()) < 2_100_000

    rig.restart()
    elements[50_000]["text"] = "changed"
    rig.write(*elements, {"id": "last"})
    counted = rig.read(after_s=600)
    assert counted.order[100_000:] == ["element:message/50000", "element:message/last"]


@pytest.mark.parametrize("cursor", [b"", b"\0", b"\x09" * 99, os.urandom(500)])
def test_a_cursor_that_means_nothing_is_one_at_the_start(
    rig: Rig, cursor: bytes
) -> None:
    rig.source = rig.opened(cursor.replace(b"\x01", b"\x02", 1))
    rig.write(message("a"))
    assert rig.read().items == 1


def test_a_large_document_costs_a_hundredth_of_a_core(rig: Rig) -> None:
    rig.write(message("a"))
    rig.read()
    rig.source._rest_after(rig.clock.now - 0.03)
    rig.write(message("a"), message("b"))
    assert rig.read(after_s=1).items == 1
    assert rig.counted.retry_s == pytest.approx(2.0, abs=0.1)
    assert rig.read(after_s=2.1).items == 2


def test_elements_are_found_by_their_names(rig: Rig) -> None:
    rig.write(message("a"), message("a", "again"), message("b"))
    rig.read()
    for key, body in rig.counted.last.items():
        assert rig.source.locate(ItemRef(key)) == body

    assert rig.source.locate(ItemRef("element:message/c")) is None
    rig.path.write_text("{")
    assert rig.source.locate(ItemRef("element:message/a")) is None
