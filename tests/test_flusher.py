from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from jarvisd.app.feature_order import build_features
from jarvisd.base.errors import StoreError
from jarvisd.base.session_words import Confidence, State
from jarvisd.core.block import Block
from jarvisd.core.flush import SLOW_S, Flusher
from jarvisd.core.origin import SessionId
from jarvisd.core.publisher import Flushed, Publisher
from jarvisd.core.record import Record
from jarvisd.core.saved import FlushBatch, Saved
from jarvisd.overview.sessions import Sessions
from jarvisd.state.journal import OLD_MS, Journal, TransitionMade, TransitionReported
from jarvisd.state.model import Tier, Transition
from tests.support import FakeClock, FakeStore, block, settle

WRITING_S = 0.06


class SlowStore(FakeStore):
    """Takes as long for a batch as a disk does."""

    def __init__(self, clock: FakeClock, writing_s: float) -> None:
        super().__init__()
        self._clock, self._writing_s = clock, writing_s

    async def save(self, batch: FlushBatch) -> Saved:
        await self._clock.sleep_until(self._clock.monotonic() + self._writing_s)
        return await super().save(batch)


class Rig:
    def __init__(self, writing_s: float, store: type[SlowStore]) -> None:
        self.clock = FakeClock()
        self.store = store(self.clock, writing_s)
        self.blocks: list[Block] = []
        publisher = Publisher()
        publish = publisher.publish
        self.journal = Journal(publish=publish)
        self.books = Sessions()
        self.flusher = Flusher(
            self.store,
            self.clock,
            self.blocks,
            build_features(self.books, self.journal),
            streams_of=self.books.blocks_of,
            publish=publish,
        )
        self.made: list[int] = []
        self.told: list[int] = []
        self.stored: list[bool] = []
        self.revisions: list[int] = []
        publisher.connect(
            {
                TransitionMade: (self._made, self._hasten),
                TransitionReported: (self._told,),
                Flushed: (self._flushed,),
            }
        )

    def _made(self, made: TransitionMade) -> None:
        self.made.append(made.transition.number)

    def _hasten(self, made: TransitionMade) -> None:
        self.flusher.hasten(urgent=made.urgent)

    def _told(self, told: TransitionReported) -> None:
        self.told.append(told.transition.number)
        self.stored.append(told.transition.stored)

    def _flushed(self, flushed: Flushed) -> None:
        self.revisions.append(flushed.revision)

    def block_of(self, session: str) -> Block:
        """Return a block that the session of all transitions is read from."""
        made = block("source", agent="claude")
        stream = made.memory = self.books.states.open_memory(made, 1, {})
        record = Record(kind="user", session_id=SessionId(session), at_ms=1)
        self.books.ledger.apply(stream, record)
        self.books.bind(made)
        return made

    def line(self, to: Block) -> None:
        to.add_line(b"x" * 40)
        self.flusher.touch(to)

    def transition(self, *, age_ms: int = 0, state: State = State.WORKING) -> None:
        now_ms = self.clock.unix_ms()
        made = Transition(
            agent="claude",
            session_id=SessionId("s"),
            at_ms=now_ms - age_ms,
            before=None,
            state=state,
            evidence="prompt",
            tier=Tier.TRANSCRIPT,
            confidence=Confidence.HIGH,
        )
        self.journal.add([made], now_ms)

    def writes(self, block_id: str) -> int:
        return sum(
            saved.origin.block_id == block_id
            for batch in self.store.batches
            for saved in batch.changes.get("blocks", ())
        )


@asynccontextmanager
async def running(
    writing_s: float = 0.0, store: type[SlowStore] = SlowStore
) -> AsyncIterator[Rig]:
    rig = Rig(writing_s, store)
    async with anyio.create_task_group() as group:
        group.start_soon(rig.flusher.run)
        await settle()
        yield rig
        group.cancel_scope.cancel()


async def test_a_first_line_is_stored_within_a_tenth_of_a_second() -> None:
    async with running() as rig:
        rig.line(block())
        await rig.clock.advance(0.11)

        assert rig.store.stored("b1").counts.line_count == 1


async def test_the_last_line_of_a_burst_is_stored_without_another_one() -> None:
    async with running() as rig:
        one = block()
        for _ in range(10):
            rig.line(one)
            await rig.clock.advance(0.1)
        await rig.clock.advance(1.5)

        assert rig.store.stored("b1").counts.line_count == 10
        assert rig.writes("b1") == 2


async def test_a_busy_block_is_stored_once_a_second() -> None:
    async with running() as rig:
        one = block()
        for _ in range(500):
            rig.line(one)
            await rig.clock.advance(0.01)
        await rig.clock.advance(1.5)

        assert 5 <= rig.writes("b1") <= 7
        assert rig.store.stored("b1").counts.char_count == 500 * 40


async def test_many_busy_blocks_share_one_transaction_a_second() -> None:
    async with running() as rig:
        blocks = [block(f"b{n}") for n in range(20)]
        for step in range(600):
            rig.line(blocks[step % 20])
            await rig.clock.advance(0.01)
        settled = len(rig.store.batches)
        for step in range(300):
            rig.line(blocks[step % 20])
            await rig.clock.advance(0.01)

        assert len(rig.store.batches) - settled <= 4


async def test_states_that_change_all_the_time_keep_no_block_from_the_store() -> None:
    async with running(writing_s=WRITING_S) as rig:
        blocks = [block(f"b{n}") for n in range(20)]
        for step in range(600):
            rig.line(blocks[step % 20])
            rig.transition()
            await rig.clock.advance(0.01)

        assert {rig.writes(f"b{n}") for n in range(20)} <= {4, 5, 6, 7}
        assert rig.told == rig.made[: len(rig.told)]
        assert len(rig.told) > 550


async def test_a_transition_is_told_once_it_is_stored_with_its_source() -> None:
    async with running() as rig:
        source = rig.block_of("s")
        others = [block(f"b{n}") for n in range(300)]
        for each in others:
            rig.flusher.touch(each, urgent=False)
        rig.store.hold = anyio.Event()
        rig.line(source)
        rig.transition()
        await settle()
        assert rig.told == []

        rig.store.hold.set()
        await settle()

        (batch,) = rig.store.batches
        assert (
            [each.number for each in batch.changes["transitions"]]
            == rig.told
            == rig.made
        )
        assert [each.origin for each in batch.changes["blocks"]] == [source.origin]
        assert batch.changes["blocks"][0].counts.line_count == 1


async def test_a_transition_without_a_line_is_stored_at_once() -> None:
    async with running() as rig:
        rig.transition()
        await settle()
        rig.transition()
        await settle()

        assert rig.told == rig.made
        assert len(rig.store.batches) == 2


async def test_what_a_session_came_to_long_ago_is_stored_with_what_is_due() -> None:
    async with running() as rig:
        rig.transition(age_ms=OLD_MS + 1)
        await settle()
        assert rig.told == []

        await rig.clock.advance(1.1)
        assert rig.told == rig.made

        rig.transition(age_ms=OLD_MS + 1)
        rig.transition()  # takes along, in order, what waits
        await settle()
        assert rig.told == rig.made


@pytest.mark.parametrize("state", [State.ENDED, State.WAITING_APPROVAL])
async def test_who_needs_somebody_or_is_over_is_told_at_once_however_old(
    state: State,
) -> None:
    async with running() as rig:
        rig.transition(age_ms=OLD_MS + 1, state=state)
        await settle()

        assert rig.told == rig.made


async def test_history_waits_while_a_transition_is_being_stored() -> None:
    async with running() as rig:
        assert not rig.flusher.is_behind
        rig.store.hold = anyio.Event()
        rig.transition()
        assert rig.flusher.is_behind
        await settle()
        assert rig.flusher.is_behind

        rig.store.hold.set()
        await settle()
        assert not rig.flusher.is_behind


async def test_history_is_read_on_while_nothing_can_be_stored() -> None:
    async with running() as rig, anyio.create_task_group() as group:
        rig.store.hold, rig.store.failures = anyio.Event(), 5
        rig.transition()
        await settle()
        caught_up = anyio.Event()

        async def read_history() -> None:
            await rig.flusher.catch_up()
            caught_up.set()

        group.start_soon(read_history)
        await settle()
        assert not caught_up.is_set()

        rig.store.hold.set()
        await caught_up.wait()
        assert not rig.flusher.is_behind


async def test_while_the_store_fails_transitions_are_told_at_once_as_unstored() -> None:
    async with running() as rig:
        rig.store.failures = 3
        rig.transition()
        await settle()
        rig.transition()
        assert (rig.told, rig.stored) == (rig.made, [False, False])

        await rig.clock.advance(4)
        rig.transition()
        await settle()

        kept = [
            each.number
            for batch in rig.store.batches
            for each in batch.changes["transitions"]
        ]
        assert kept == rig.told == rig.made
        assert rig.stored == [False, False, True]


async def test_a_write_that_hangs_keeps_no_transition_from_being_told() -> None:
    async with running() as rig:
        rig.store.hold = anyio.Event()
        rig.transition()
        await rig.clock.advance(SLOW_S - 0.1)
        assert rig.told == []

        await rig.clock.advance(0.2)
        rig.transition()

        assert (rig.told, rig.stored) == (rig.made, [False, False])
        rig.store.hold.set()
        await settle()
        rig.transition()
        await settle()
        assert rig.stored == [False, False, True]


async def test_nothing_is_written_while_nothing_changes() -> None:
    async with running() as rig:
        rig.line(block())
        await rig.clock.advance(5)
        written = len(rig.store.batches)
        await rig.clock.advance(3600)

        assert len(rig.store.batches) == written == 1


async def test_what_changed_last_is_stored_when_the_daemon_stops() -> None:
    async with running() as rig:
        one = block()
        rig.line(one)
        await rig.clock.advance(0.2)
        rig.line(one)

    assert rig.store.stored("b1").counts.line_count == 2


async def test_a_failed_write_is_tried_again_and_the_total_appears() -> None:
    async with running() as rig:
        one = block()
        rig.store.failures = 3
        rig.line(one)
        await rig.clock.advance(0.2)
        assert rig.flusher.error is not None
        rig.line(one)
        await rig.clock.advance(4)

        assert rig.store.stored("b1").counts.line_count == 2
        assert rig.flusher.error is None
        assert rig.flusher.failed_since_ms is None


class CrashingStore(SlowStore):
    """Fails for a while by a mistake of its own."""

    async def save(self, batch: FlushBatch) -> Saved:
        if self.failures:
            self.failures -= 1
            raise KeyError("a mistake")

        return await super().save(batch)


async def test_a_mistake_while_writing_ends_nothing_and_loses_nothing() -> None:
    async with running(store=CrashingStore) as rig:
        one = block()
        rig.store.failures = 2
        rig.line(one)
        await rig.clock.advance(0.2)
        error = rig.flusher.error
        rig.line(one)
        await rig.clock.advance(4)

        assert error is not None
        assert "internal error" in error
        assert rig.store.stored("b1").counts.line_count == 2
        assert rig.flusher.error is None


async def test_a_change_during_a_write_is_not_lost_and_has_the_next_revision() -> None:
    async with running() as rig:
        one = block()
        rig.line(one)
        async with anyio.create_task_group() as group:
            group.start_soon(rig.flusher.flush_all)
            await anyio.lowlevel.checkpoint()
            rig.line(one)
        assert one.revision == 2
        await rig.clock.advance(2)

        assert rig.store.stored("b1").counts.line_count == 2
        assert rig.store.revision == 2


async def test_what_came_while_a_flush_waited_for_its_turn_is_written_with_it() -> None:
    async with running() as rig, anyio.create_task_group() as group:
        one, other = block("b1"), block("b2")
        rig.store.hold = anyio.Event()
        rig.line(other)
        group.start_soon(rig.flusher.flush_all)
        await settle()
        rig.line(one)
        await rig.clock.advance(0.11)
        assert not rig.flusher.dirty_blocks  # both are taken, and one waits
        rig.line(one)
        rig.store.hold.set()
        await rig.clock.advance(3)

        assert rig.store.stored("b1").counts.line_count == 2
        assert rig.writes("b1") == 1
        assert one.revision == rig.store.revision == 2


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_flush_of_everything_waits_for_the_one_under_way(failures: int) -> None:
    async with running() as rig, anyio.create_task_group() as group:
        rig.store.hold, rig.store.failures = anyio.Event(), failures
        rig.line(block())
        await rig.clock.advance(0.2)
        assert not rig.flusher.dirty_blocks

        done = anyio.Event()

        async def flush() -> None:
            await rig.flusher.flush_all()
            done.set()

        group.start_soon(flush)
        await settle()
        assert not done.is_set()
        rig.store.hold.set()
        await done.wait()

        assert rig.store.stored("b1").counts.line_count == 1


async def test_a_commit_says_when_it_is_not_on_the_disk() -> None:
    async with running() as rig:
        one = block()
        rig.line(one)
        rig.store.failures = 1

        with pytest.raises(StoreError):
            await rig.flusher.commit(one)
        await rig.flusher.commit(one)

        assert rig.store.batches[-1].durable
        assert rig.store.stored("b1").counts.line_count == 1


async def test_a_revision_is_published_after_it_is_committed() -> None:
    async with running() as rig:
        rig.line(block())
        await rig.clock.advance(0.2)

        assert rig.revisions == [rig.store.revision]


async def test_a_database_made_anew_is_given_everything() -> None:
    async with running() as rig:
        rig.blocks += [block("b1"), block("b2")]
        rig.store.generation += 1
        rig.line(rig.blocks[0])
        await rig.clock.advance(2)

        assert rig.writes("b2") == 1
