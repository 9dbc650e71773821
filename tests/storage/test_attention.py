"""What the report of attention reads: changes since a moment, and the states before."""

from functools import partial
from pathlib import Path

from msgspec.structs import replace

from jarvisd.app.feature_order import open_store
from jarvisd.base.clock import SystemClock
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import Confidence, State
from jarvisd.core.saved import FlushBatch
from jarvisd.reports.attention_store import Seen, seen
from jarvisd.state.model import Transition

FIRST = Transition(
    number=110,
    agent="claude",
    session_id=SessionId("one"),
    at_ms=100,
    before=None,
    state=State.WORKING,
    confidence=Confidence.HIGH,
)
SECOND = replace(FIRST, number=210, at_ms=200, state=State.WAITING_APPROVAL)
THIRD = replace(FIRST, number=310, at_ms=300, state=State.IDLE)
OTHER = replace(FIRST, number=260, at_ms=250, session_id=SessionId("two"))


def told(found: Seen) -> list[tuple[str, int, State]]:
    return [
        (found.sessions[session][1], at_ms, found.states[state])
        for session, at_ms, _, state in found.rows
    ]


async def test_changes_come_behind_the_state_before_them(tmp_path: Path) -> None:
    everything = (FIRST, SECOND, THIRD, OTHER)
    async with open_store(tmp_path / "db", clock=SystemClock()) as store:
        await store.save(FlushBatch(changes={"transitions": everything}))

        whole = await store.read(partial(seen, since_ms=0))
        part = await store.read(partial(seen, since_ms=255))

    assert [at_ms for _, at_ms, _ in told(whole)] == [100, 200, 250, 300]
    assert told(part) == [
        ("one", 200, State.WAITING_APPROVAL),
        ("two", 250, State.WORKING),
        ("one", 300, State.IDLE),
    ]


async def test_a_guessed_wait_is_unknown(tmp_path: Path) -> None:
    guess = replace(SECOND, confidence=Confidence.LOW)
    working = replace(FIRST, confidence=Confidence.LOW)
    async with open_store(tmp_path / "db", clock=SystemClock()) as store:
        await store.save(FlushBatch(changes={"transitions": (working, guess)}))
        whole = await store.read(partial(seen, since_ms=0))
        part = await store.read(partial(seen, since_ms=255))

    assert [state for *_, state in told(whole)] == [State.WORKING, State.UNKNOWN]
    assert [state for *_, state in told(part)] == [State.UNKNOWN]


async def test_a_stretch_awake_grows(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db", clock=SystemClock()) as store:
        for start_ms, end_ms in ((100, 200), (100, 300), (500, 600)):
            changes = {"awake": (start_ms, end_ms)}
            await store.save(FlushBatch(changes=changes))

        everything = await store.read(partial(seen, since_ms=0))
        later = await store.read(partial(seen, since_ms=300))

    assert everything.awake == [(100, 300), (500, 600)]
    assert later.awake == [(500, 600)]
