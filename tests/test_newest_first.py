"""Lists by newest activity: the same as sorting everything, whatever changes meanwhile."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.base.work_in_turns import RUN
from jarvisd.core import newest_first
from jarvisd.core.newest_first import NewestFirst


@dataclass(slots=True)
class Item:
    name: str
    at: int


class Items:
    """Items by name, and their order."""

    def __init__(self, count: int = 0) -> None:
        self.by_name: dict[str, Item] = {}
        self.order: NewestFirst[Item] = NewestFirst(
            self.by_name.values, lambda each: each.at, lambda each: (each.name,)
        )
        for number in range(count):
            self.move(f"{number:04}", number * 7919 % 1009)

    def move(self, name: str, at: int) -> None:
        item = self.by_name.setdefault(name, Item(name, at))
        item.at = at
        if self.order.changed is not None:
            self.order.changed[name,] = item

    def listed(self, *, page: int | None = None) -> list[str]:
        """Return the names, read in pages of so many."""
        found: list[str] = []
        after = None
        while True:
            walk = (each for each in self.order.walk(after) if each is not None)
            some = [each for each, _ in zip(walk, range(page or 10**6), strict=False)]
            found += [each.name for each in some]
            if not some or page is None:
                return found

            after = self.order.place_of(some[-1])

    def sorted(self) -> list[str]:
        items = self.by_name.values()
        return [x.name for x in sorted(items, key=lambda x: (-x.at, x.name))]


moves = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 5)) | st.just("list"),
    max_size=30,
)


@given(moves, st.sampled_from([None, 1, 2, 5]))
def test_a_list_is_what_sorting_gives(
    steps: list[tuple[str, int] | str], page: int | None
) -> None:
    items = Items()
    for step in [*steps, "list"]:
        match step:
            case (str() as name, int() as at):
                items.move(name, at)
            case _:
                assert items.listed(page=page) == items.sorted()


@pytest.mark.parametrize("page", [None, 100, 999])
def test_thousands_are_listed_in_order(page: int | None) -> None:
    items = Items(5 * RUN + 1)
    assert items.listed(page=page) == items.sorted()

    for number in range(0, 300, 3):
        items.move(f"{number:04}", 5_000 - number % 7)

    assert items.listed(page=page) == items.sorted()


def test_none_is_a_turn_for_others_before_too_many_were_looked_at() -> None:
    items = Items(4 * RUN)
    since_turn = 0
    for each in items.order.walk():
        since_turn = 0 if each is None else since_turn + 1
        assert since_turn <= RUN


def test_what_moves_while_a_list_is_read_is_in_it_once() -> None:
    items = Items(4 * RUN)
    found = []
    for number, each in enumerate(items.order.walk()):
        if each is not None:
            found.append(each.name)

        items.move(f"{number % 800:04}", 10_000 + number)

    assert sorted(found) == sorted(items.by_name)
    assert items.listed() == items.sorted()


def test_two_who_list_at_once_see_the_same() -> None:
    items = Items(3 * RUN)
    expected = items.sorted()
    first, second = items.order.walk(), items.order.walk()
    found: tuple[list[str], list[str]] = ([], [])
    for one, other in zip(first, second, strict=True):
        for each, into in zip((one, other), found, strict=True):
            if each is not None:
                into.append(each.name)

    assert found == (expected, expected)


def test_many_changes_are_sorted_with_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(newest_first, "MAX_CHANGED", 3)
    items = Items(20)
    assert items.listed() == items.sorted()
    for number in range(5):
        items.move(f"{number:04}", 2_000 + number)

    assert items.listed() == items.sorted()


def test_what_an_order_was_kept_of_may_be_replaced() -> None:
    items = Items(20)
    items.listed()
    items.by_name.clear()
    items.order.reset()
    items.move("new", 1)

    assert items.listed() == ["new"]
