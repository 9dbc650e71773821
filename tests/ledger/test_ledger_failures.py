"""A step of the ledger that fails changes nothing, or is made up for."""

from collections.abc import Callable
from typing import Any

import pytest

from jarvisd.base.usage import Tokens, Variant
from jarvisd.core.feature import Scope
from jarvisd.core.origin import SessionId
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.repricing import Repricing
from jarvisd.ledger.rollup import Rollup
from jarvisd.ledger.row_cache import RowCache
from tests.ledger.books import Block, Books, DictStore, block, flat_price
from tests.ledger.test_ledger_claude import call, prompt, reply, result

FILES = (
    block([prompt(second=0), reply("m1", second=1, inp=5, out=7)]),
    block(
        [
            prompt(second=1, key="p2"),
            reply("m2", second=2, inp=5, out=7, blocks=[call("c1")]),
            result("c1", second=3),
        ],
        session="s2",
    ),
)


def fails_at(method: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Return *method*, whose call *number*, from 1, fails."""
    calls = 0

    def failing(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise ZeroDivisionError
        return method(*args, **more)

    return failing


STEPS = [
    (RowCache, "take", 1),
    (RowCache, "take", 3),
    (RowCache, "take_former", 1),
    (Rollup, "_taken", 2),
    (Repricing, "take", 1),
    (Ledger, "_take_limits", 1),
    (Ledger, "_rows_of", 1),
]


@pytest.mark.parametrize(("owner", "name", "number"), STEPS)
def test_what_was_taken_before_a_step_failed_is_taken_again(
    owner: type, name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, books = Books(), Books()
    for each in (undisturbed, books):
        for file in FILES:
            each.read(file)

    with monkeypatch.context() as broken:
        broken.setattr(owner, name, fails_at(getattr(owner, name), number))
        with pytest.raises(ZeroDivisionError):
            books.ledger.take()

    books.flush()
    undisturbed.flush()
    assert books.store == undisturbed.store


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (RowCache, "take_of", 3),
        (Rollup, "_taken", 1),
        (Ledger, "_take_limits", 1),
        (Ledger, "_rows_of", 1),
    ],
)
def test_what_was_taken_of_a_session_before_a_step_failed_is_taken_again(
    owner: type, name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, books = Books(), Books()
    for each in (undisturbed, books):
        for file in FILES:
            each.read(file)

    with monkeypatch.context() as broken:
        broken.setattr(owner, name, fails_at(getattr(owner, name), number))
        with pytest.raises(ZeroDivisionError):
            books.ledger.take(Scope(sessions={("claude", SessionId("s2"))}))

    books.flush()
    undisturbed.flush()
    assert books.store == undisturbed.store


def price_but_of_nine(
    model: str | None,
    variant: Variant,
    at_ms: int | None,
    tokens: Tokens,
    searches: int,
) -> int | None:
    if tokens.output == 9:
        raise ZeroDivisionError
    return flat_price(model, variant, at_ms, tokens, searches)


def test_a_row_whose_new_price_fails_stays_counted_as_it_was() -> None:
    books = Books(store=DictStore(price=price_but_of_nine))
    file = Block(
        FILES[0].origin,
        (
            reply("m1", second=1, inp=5, out=7),
            reply("m1", second=1, inp=5, out=9),
        ),
    )
    books.read(file, 1)
    before = books.session().row()
    cells = [(each.tokens, each.cost_micros) for each in books.ledger.rollup.cells()]

    books.read(file)

    after = books.session().row()
    assert (after.tokens, after.cost_micros) == (before.tokens, before.cost_micros)
    assert after.messages == 1
    assert cells == [
        (each.tokens, each.cost_micros) for each in books.ledger.rollup.cells()
    ]
    assert books.ledger.take_refused() == ["count: ZeroDivisionError"]
