"""Sinks that fail, hang and recover, with a real store and a clock that is told."""

import threading
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import SinkError, StoreError
from jarvisd.core.publisher import Flushed
from jarvisd.core.storage.database_store import Store
from jarvisd.sinks import exporter
from jarvisd.sinks import store as outbox
from jarvisd.sinks.exporter import Exporter
from jarvisd.sinks.jsonl import JsonlSink
from jarvisd.sinks.store import QueuedRecord
from jarvisd.sinks.wire import SinkHealth
from tests.sinks.records import ids, rows, segment
from tests.storage.building import ask
from tests.support import EPOCH_MS, FakeClock, eventually

DAY_S = 86_400


class FakeSink:
    """Takes everything, unless *trouble* says otherwise; remembers what it was given."""

    kind: Final = "posthog"

    def __init__(self, name: str = "a", *, max_waiting: int = 100_000) -> None:
        self.name = name
        self.max_waiting = max_waiting
        self.trouble: Callable[[Sequence[QueuedRecord]], None] = lambda _records: None
        self.attempts = 0
        self.taken: list[str] = []

    def deliver(self, records: Sequence[QueuedRecord]) -> None:
        self.attempts += 1
        self.trouble(records)
        self.taken += [each.record_id for each in records]


def refuses(_records: Sequence[QueuedRecord]) -> None:
    raise SinkError("not today")


def crashes(_records: Sequence[QueuedRecord]) -> None:
    raise ZeroDivisionError


@dataclass
class Running:
    """An exporter that runs, and what a test wants to reach of it."""

    exporter: Exporter
    store: Store
    clock: FakeClock
    path: Path

    async def put(self, count: int, *, first: int = 0) -> None:
        records = [segment(each) for each in range(first, first + count)]
        waiting = rows(self.exporter.sinks, records)
        await self.store.apply_one(partial(outbox.enqueue, rows=waiting))
        self.exporter.flushed(Flushed(1))

    async def later(self, check: Callable[[], bool], *, step_s: float = 1) -> None:
        """Let time go by until *check* holds."""

        async def holds() -> bool:
            await self.clock.advance(step_s)
            return check()

        await eventually(holds)

    def health(self, name: str = "a") -> SinkHealth:
        [found] = [each for each in self.exporter.health() if each.name == name]
        return found

    def problems(self) -> list[str]:
        return [each.kind for each in self.exporter.problems()]

    def waiting(self) -> int:
        [(count,)] = ask(self.path, "SELECT count(*) FROM outbox")
        return int(count)


@asynccontextmanager
async def running(
    path: Path, *sinks: FakeSink | JsonlSink, timeout_s: float = 30.0
) -> AsyncIterator[Running]:
    clock = FakeClock()
    async with (
        open_store(path, clock=clock) as store,
        anyio.create_task_group() as group,
    ):
        made = Exporter(sinks, store, clock, timeout_s=timeout_s)
        group.start_soon(made.run)
        yield Running(made, store, clock, path)
        group.cancel_scope.cancel()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jarvisd.db"


async def test_what_is_put_is_delivered_and_waits_no_more(path: Path) -> None:
    sink = FakeSink()
    async with running(path, sink) as it:
        await it.put(250)
        await it.later(lambda: it.health().delivered == 250)
        await it.later(lambda: it.health().waiting == 0)

        assert sink.taken == ids(250)
        assert sink.attempts == 3
        assert it.waiting() == 0
        assert it.health() == SinkHealth(
            name="a",
            kind="posthog",
            waiting=0,
            oldest_ms=None,
            delivered=250,
            dropped=0,
            failing_since_ms=None,
            error=None,
        )


async def test_what_waited_at_the_start_is_delivered(path: Path) -> None:
    sink = FakeSink()
    sink.trouble = refuses
    async with running(path, sink) as it:
        await it.put(3)
        await it.later(lambda: sink.attempts > 0)

    sink.trouble = lambda _records: None
    async with running(path, sink) as it:
        await it.later(lambda: it.health().delivered == 3)

    assert sorted(sink.taken) == ids(3)


async def test_a_sink_that_fails_is_seen_and_left_alone_for_longer_and_longer(
    path: Path,
) -> None:
    sink = FakeSink()
    sink.trouble = refuses
    async with running(path, sink) as it:
        await it.put(2)
        await it.later(lambda: it.health().error == "not today")
        await it.later(lambda: it.health().waiting == 2)
        since_ms = it.health().failing_since_ms
        assert since_ms is not None
        assert since_ms >= EPOCH_MS
        await it.later(lambda: sink.attempts >= 3)

        assert it.problems() == ["sink_failing"]
        [problem] = it.exporter.problems()
        assert problem.message == "sink a (posthog): not today"
        assert problem.since_ms == since_ms
        assert it.health().oldest_ms == EPOCH_MS

        sink.trouble = lambda _records: None
        await it.later(lambda: it.health().delivered == 2, step_s=10)

        assert it.health().error is None
        assert it.problems() == []


async def test_one_hiccup_is_no_problem_yet(path: Path) -> None:
    sink = FakeSink()
    sink.trouble = refuses
    async with running(path, sink) as it:
        await it.put(1)
        await eventually(lambda: it.health().error is not None)

        assert it.problems() == []


async def test_after_a_day_without_the_collector_nothing_is_lost(path: Path) -> None:
    sink = FakeSink()
    sink.trouble = refuses
    async with running(path, sink) as it:
        gone = it.clock.monotonic()
        await it.put(120)
        await it.later(lambda: it.clock.monotonic() - gone > DAY_S, step_s=900)
        assert 20 < sink.attempts < 250
        sink.trouble = lambda _records: None
        await it.put(30, first=120)

        await it.later(lambda: it.health().delivered == 150, step_s=60)

        assert Counter(sink.taken) == Counter(ids(150))
        assert it.waiting() == 0


async def test_a_record_that_is_never_taken_keeps_no_other_back(path: Path) -> None:
    sink = FakeSink()

    def dislikes_seven(records: Sequence[QueuedRecord]) -> None:
        if ids(1, first=7)[0] in {each.record_id for each in records}:
            raise SinkError("not this one")

    sink.trouble = dislikes_seven
    async with running(path, sink) as it:
        await it.put(150)
        await it.later(lambda: it.health().delivered == 149, step_s=100)

        assert set(ids(150)) - set(sink.taken) == set(ids(1, first=7))
        assert it.waiting() == 1


@pytest.mark.parametrize("trouble", [refuses, crashes])
async def test_a_sink_that_is_ill_disturbs_no_other(
    path: Path, trouble: Callable[[Sequence[QueuedRecord]], None]
) -> None:
    ill, well = FakeSink("ill"), FakeSink("well")
    ill.trouble = trouble
    async with running(path, ill, well) as it:
        await it.put(150)
        await it.later(lambda: it.health("well").delivered == 150)
        await it.later(lambda: it.health("ill").error is not None)

        assert it.health("ill").delivered == 0
        assert well.taken == ids(150)


async def test_a_sink_that_hangs_costs_one_thread_and_disturbs_nobody(
    path: Path,
) -> None:
    hanging, well = FakeSink("hanging"), FakeSink("well")
    released = threading.Event()
    hanging.trouble = lambda _records: (released.wait(30), None)[1]
    before = threading.active_count()
    async with running(path, hanging, well, timeout_s=0.05) as it:
        await it.put(1)
        await it.later(lambda: it.health("hanging").error is not None)
        await it.later(lambda: "still hangs" in (it.health("hanging").error or ""))
        await it.later(lambda: it.health("well").delivered == 1)
        assert hanging.attempts == 1
        threads = [each.name for each in threading.enumerate()]
        assert threads.count("sink hanging") == 1

        released.set()
        await it.later(lambda: it.health("hanging").delivered == 1, step_s=10)

    await eventually(lambda: threading.active_count() <= before)
    # At least once: it had taken the record, too late to be believed.
    assert Counter(hanging.taken) == {ids(1)[0]: 2}


async def test_beyond_the_bound_the_oldest_are_dropped_and_counted(path: Path) -> None:
    sink = FakeSink(max_waiting=10)
    sink.trouble = refuses
    async with running(path, sink) as it:
        await it.put(35)
        await it.later(lambda: it.health().dropped == 25)
        await it.later(lambda: it.health().waiting == 10)

        assert "sink_dropped" in it.problems()
        sink.trouble = lambda _records: None
        await it.later(lambda: it.health().delivered == 10, step_s=60)

        assert sorted(sink.taken) == ids(10, first=25)


async def test_what_waits_for_a_sink_that_was_taken_out_is_dropped(path: Path) -> None:
    gone, kept = FakeSink("gone"), FakeSink("kept")
    gone.trouble = kept.trouble = refuses
    async with running(path, gone, kept) as it:
        await it.put(3)

    async with running(path, kept) as it:
        await it.later(lambda: it.waiting() == 3)

        assert ask(path, "SELECT DISTINCT sink FROM outbox") == [("kept",)]

    async with running(path) as it:
        await it.later(lambda: it.waiting() == 0)


async def test_a_store_in_trouble_delivers_nothing_twice_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was delivered cannot be struck out; nobody is told it again and again."""
    sink = FakeSink()
    async with running(path, sink) as it:
        apply_one, is_full, refused = it.store.apply_one, True, 0

        async def fail_while_full(unit: Callable[..., object]) -> object:
            nonlocal refused
            if is_full:
                refused += 1
                raise StoreError("the disk is full")

            return await apply_one(unit)

        await it.put(2)
        monkeypatch.setattr(it.store, "apply_one", fail_while_full)
        await it.later(lambda: refused > 3, step_s=10)
        assert sink.attempts == 1

        is_full = False
        await it.later(lambda: it.waiting() == 0, step_s=10)

        assert sink.taken == ids(2)


async def test_idle_sinks_ask_the_store_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(path, FakeSink()) as it:
        await it.put(1)
        await it.later(lambda: it.health().delivered == 1)
        await it.later(lambda: it.health().waiting == 0)
        asked = 0
        read = it.store.read

        async def count(query: Callable[..., object]) -> object:
            nonlocal asked
            asked += 1
            return await read(query)

        await it.clock.advance(DAY_S)  # a last count may have been put off for long
        await read(lambda _: None)
        monkeypatch.setattr(it.store, "read", count)
        await it.clock.advance(DAY_S)

        assert asked == 0


async def test_memory_does_not_grow_with_what_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "COUNT_INTERVAL_S", 0.0)
    sink = FakeSink()
    sink.trouble = refuses
    async with running(path, sink) as it:
        await it.put(100)
        await it.later(lambda: sink.attempts > 2)
        await it.put(10_000, first=100)
        tracemalloc.start()
        try:
            await it.later(lambda: sink.attempts > 12, step_s=900)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 2_000_000


async def test_a_file_and_a_collector_each_get_everything(path: Path) -> None:
    sink = FakeSink("net")
    file = path.with_name("segments.jsonl")
    local = JsonlSink("local", file, max_waiting=1_000)
    async with running(path, sink, local) as it:
        await it.put(150)
        await it.later(
            lambda: all(each.delivered == 150 for each in it.exporter.health())
        )

    local.close()
    assert sink.taken == ids(150)
    assert len(file.read_text().splitlines()) == 150
