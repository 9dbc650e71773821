"""What becomes of a flush, told to the features whose changes it has: one row each."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from jarvisd.base.errors import StoreError, StoreUnansweredError
from jarvisd.core.feature import (
    Change,
    Feature,
    FeatureStore,
    FlushOutcome,
    Scope,
    SessionKey,
    Tx,
)
from jarvisd.core.flush import RETRY_S, Flusher
from jarvisd.core.saved import FlushBatch, Saved
from jarvisd.core.storage.database_store import open_database
from tests.support import FakeClock, FakeStore, block, settle

T = TypeVar("T")

COMMITTED, REFUSED = FlushOutcome.COMMITTED, FlushOutcome.REFUSED
UNANSWERED, REPLACED = FlushOutcome.UNANSWERED, FlushOutcome.REPLACED


class Numbers(Feature):
    """Has a number to store each time, and keeps what was told of it."""

    def __init__(self) -> None:
        self.number = 0
        self.told: list[tuple[FlushOutcome, Change]] = []

    def take(self, scope: Scope) -> int:
        del scope
        self.number += 1
        return self.number

    def settled(self, outcome: FlushOutcome, change: Change, receipt: object) -> None:
        assert (receipt is None) is (outcome is not COMMITTED)
        self.told.append((outcome, change))


class FailingAtTake(Numbers):
    def take(self, scope: Scope) -> int:
        raise ValueError("a feature that fails")


class FailingAtSettled(Numbers):
    def settled(self, outcome: FlushOutcome, change: Change, receipt: object) -> None:
        raise ValueError("a feature that fails")


class OutcomeStore(FakeStore):
    """Answers as told, then as all is well.

    With "nothing" it has stored none of the changes, as when each store fails.
    """

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.sent: list[dict[str, Change]] = []

    async def save(self, batch: FlushBatch) -> Saved:
        self.sent.append(dict(batch.changes))
        match self.answers.pop(0) if self.answers else "well":
            case "refused":
                raise StoreError("no space left on the device")
            case "unanswered":
                raise StoreUnansweredError("too late")
            case "replaced":
                self.generation += 1
                return Saved(1)
            case "nothing":
                return Saved(1)
            case _:
                return Saved(1, dict.fromkeys(batch.changes, "receipt"))


def flusher_of(store: OutcomeStore, **features: Feature) -> Flusher:
    return Flusher(store, FakeClock(), [], features, streams_of=lambda *_: ())


async def flush(flusher: Flusher, times: int) -> None:
    for _ in range(times):
        flusher.touch(block())
        with suppress(StoreError):
            await flusher.flush_all()


@pytest.mark.parametrize(
    ("answer", "sent", "told"),
    [
        ("committed", [1, 2], [(COMMITTED, 1), (COMMITTED, 2)]),
        ("refused", [1, 2], [(REFUSED, 1), (COMMITTED, 2)]),
        (
            "unanswered",
            [1, 1, 2],
            [(UNANSWERED, 1), (COMMITTED, 1), (COMMITTED, 2)],
        ),
        ("replaced", [1, 2], [(REPLACED, 1), (COMMITTED, 2)]),
    ],
)
async def test_each_outcome_is_told(
    answer: str, sent: list[int], told: list[tuple[FlushOutcome, int]]
) -> None:
    numbers, store = Numbers(), OutcomeStore(answer)

    await flush(flusher_of(store, numbers=numbers), 2)

    assert [each["numbers"] for each in store.sent] == sent
    assert numbers.told == told


@pytest.mark.parametrize("failing", [FailingAtTake, FailingAtSettled])
async def test_a_feature_that_fails_costs_no_other(
    failing: Callable[[], Feature],
) -> None:
    numbers, store = Numbers(), OutcomeStore()
    flusher = flusher_of(store, failing=failing(), numbers=numbers)

    await flush(flusher, 1)

    assert numbers.told == [(COMMITTED, 1)]
    assert (flusher.refused.count, flusher.refused.where) == (1, "failing: ValueError")
    assert flusher.error is None


async def test_a_store_that_fails_costs_its_own_change_alone(tmp_path: Path) -> None:
    written: list[int] = []

    def fail(_: Tx, change: Change) -> None:
        raise ValueError(change)

    def write(tx: Tx, change: int) -> str:
        tx.raw.execute("INSERT INTO text (text) VALUES (?)", (f"number {change}",))
        written.append(change)
        return "receipt"

    stores = {"failing": FeatureStore(fail), "numbers": FeatureStore(write)}
    failing, numbers = Numbers(), Numbers()
    clock = FakeClock()
    async with open_database(tmp_path / "s.db", clock=clock, stores=stores) as store:
        flusher = Flusher(
            store,
            clock,
            [],
            {"failing": failing, "numbers": numbers},
            streams_of=lambda *_: (),
        )
        flusher.touch(block())
        with anyio.fail_after(30):
            await flusher.flush_all()

        found = await store.read(
            lambda raw: raw.execute("SELECT text FROM text").fetchall()
        )

    assert failing.told == [(REFUSED, 1)]
    assert numbers.told == [(COMMITTED, 1)]
    assert flusher.refused.where == "failing: ValueError"
    assert found == [("number 1",)]


class Waiting(Numbers):
    """Has something to store until it is committed."""

    delays = 0

    def delayed(self) -> None:
        self.delays += 1

    @property
    def has_waiting(self) -> bool:
        return self.number > 0 and self.told[-1:] != [(COMMITTED, self.number)]


async def sent_by_itself(feature: Numbers, *, hurried: bool) -> list[Change]:
    """Return the changes of *feature* that are sent until the pause after a refusal is over."""
    clock, store = FakeClock(), OutcomeStore("nothing")
    features = {"numbers": feature}
    flusher = Flusher(store, clock, [], features, streams_of=lambda *_: ())
    async with anyio.create_task_group() as group:
        group.start_soon(flusher.run)
        await settle()
        if hurried:
            feature.number = 1
            flusher.hasten(urgent=True)
        else:
            flusher.touch(block())

        await clock.advance(0.11)
        assert len(store.sent) == 1
        await clock.advance(RETRY_S[-1] + 0.1)
        sent = [each["numbers"] for each in store.sent]
        group.cancel_scope.cancel()

    return sent


async def test_the_streams_of_a_flush_of_which_a_change_is_not_stored_come_again() -> (
    None
):
    assert await sent_by_itself(Numbers(), hurried=False) == [1, 2]


async def test_a_change_that_no_stream_brings_along_is_tried_again() -> None:
    waiting = Waiting()

    assert await sent_by_itself(waiting, hurried=True) == [2, 3]
    assert waiting.delays == 1


class Answering(Numbers):
    """Fails when it is asked *what*."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    @property
    def unsaved(self) -> int:
        return self.answer("unsaved", 0)

    @property
    def is_pressing(self) -> bool:
        return self.answer("is_pressing", answer=False)

    @property
    def has_waiting(self) -> bool:
        return self.answer("has_waiting", answer=False)

    @property
    def is_mixed(self) -> bool:
        return self.answer("is_mixed", answer=False)

    def urgent_sessions(self) -> tuple[SessionKey, ...]:
        return self.answer("urgent_sessions", ())

    def delayed(self) -> None:
        self.answer("delayed", None)

    def take_refused(self) -> list[str]:
        return self.answer("take_refused", [])

    def answer(self, what: str, answer: T) -> T:
        if what == self.what:
            raise ValueError(what)
        return answer


ASKED = (
    "unsaved",
    "is_pressing",
    "has_waiting",
    "is_mixed",
    "urgent_sessions",
    "delayed",
    "take_refused",
)


@pytest.mark.parametrize("what", ASKED)
async def test_a_feature_that_fails_when_it_is_asked_costs_no_other(what: str) -> None:
    clock, store, numbers = FakeClock(), OutcomeStore("refused"), Waiting()
    features = {"failing": Answering(what), "numbers": numbers}
    flusher = Flusher(store, clock, [], features, streams_of=lambda *_: ())
    async with anyio.create_task_group() as group:
        group.start_soon(flusher.run)
        await settle()
        flusher.touch(block())
        await clock.advance(0.11)
        assert numbers.told == [(REFUSED, 1)]

        flusher.hasten(urgent=True)
        await clock.advance(RETRY_S[-1] + 0.1)
        assert not flusher.is_behind
        group.cancel_scope.cancel()

    assert numbers.told[1] == (COMMITTED, 2)
    assert (flusher.refused.count, flusher.refused.where) == (1, "failing: ValueError")


async def test_an_unanswered_change_is_told_that_its_database_was_replaced() -> None:
    numbers, store = Numbers(), OutcomeStore("unanswered")
    flusher = flusher_of(store, numbers=numbers)
    await flush(flusher, 1)
    store.generation += 1

    await flush(flusher, 1)

    assert numbers.told == [(UNANSWERED, 1), (REPLACED, 1), (COMMITTED, 2)]


async def test_a_change_that_stays_refused_is_not_sent_in_a_loop() -> None:
    store, clock = OutcomeStore(*["nothing"] * 9), FakeClock()
    flusher = Flusher(
        store, clock, [], {"numbers": Numbers()}, streams_of=lambda *_: ()
    )

    with pytest.raises(StoreError):
        await flusher.flush_while(lambda: len(store.sent) < 9)

    assert len(store.sent) == 1
