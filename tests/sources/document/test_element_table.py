"""The cursor of a document."""

import pytest

from jarvisd.core.sources.document import element_table
from jarvisd.core.sources.document.element_table import (
    ElementTable,
    FileSignature,
    KnownElement,
)


def test_a_table_is_what_its_cursor_says() -> None:
    table = ElementTable()
    table.signature = FileSignature(1, 2, 3, -4, 5)
    for name in range(5):
        table.put(name, name * 7, 100 + name)

    table.remove(3)
    again = ElementTable(table.encode())
    assert (again.signature, again.present, len(again)) == (table.signature, 4, 5)
    assert dict(again) == dict(table)
    assert again.get(3) == KnownElement(21, 103, is_removed=True)
    again.put(3, 22, 1)
    assert (again.present, again.get(3)) == (5, KnownElement(22, 1))
    assert again.get(9) is None


def test_a_cursor_that_was_cut_keeps_its_whole_records() -> None:
    table = ElementTable()
    table.put(1, 1, 1)
    table.put(2, 2, 2)
    again = ElementTable(table.encode()[:-1])
    assert (len(again), again.get(1), again.get(2)) == (1, KnownElement(1, 1), None)


def test_what_was_removed_first_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(element_table, "MAX_KNOWN", 10)
    table = ElementTable()
    for name in range(10):
        table.put(name, name, name)

    for name in range(6):
        table.remove(name)

    table.put(10, 10, 10)
    assert [name for name, _ in table] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert (table.present, len(table)) == (5, 8)
