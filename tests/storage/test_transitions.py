from pathlib import Path

import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.clock import SystemClock
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.core.saved import FlushBatch
from jarvisd.state.model import Tier, Transition
from jarvisd.state.store import Which, last_number, read_transitions

APPROVAL = Transition(
    number=1_000,
    agent="claude",
    session_id=SessionId("one"),
    at_ms=999,
    before=State.WORKING,
    state=State.WAITING_APPROVAL,
    tool="Bash",
    evidence="PermissionRequest Bash",
    tier=Tier.HOOK,
    confidence=Confidence.HIGH,
)
WORKING = Transition(
    number=1_001,
    agent="claude",
    session_id=SessionId("two"),
    at_ms=1_000,
    before=None,
    state=State.WORKING,
    activity=Activity.TOOL,
    tool="Read",
    evidence="open call Read",
    tier=Tier.TRANSCRIPT,
    confidence=Confidence.MEDIUM,
    until_ms=5,
)


async def test_what_is_stored_is_read_back_and_stored_once(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db", clock=SystemClock()) as store:
        await store.save(FlushBatch(changes={"transitions": (APPROVAL, WORKING)}))
        await store.save(FlushBatch(changes={"transitions": (APPROVAL,)}))

        found = await store.read(lambda raw: read_transitions(raw, which=Which()))
        newest = await store.read(last_number)

    assert found == [APPROVAL, WORKING]
    assert newest == 1_001


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        pytest.param(Which(after=1_000), [1_001], id="after a number"),
        pytest.param(Which(session_id=SessionId("one")), [1_000], id="of a session"),
        pytest.param(Which(agent="codex"), [], id="of an agent"),
        pytest.param(Which(since_ms=1_000), [1_001], id="since"),
        pytest.param(Which(until_ms=1_000), [1_000], id="until, which is not in it"),
        pytest.param(Which(limit=1), [1_000], id="so many"),
    ],
)
async def test_some_can_be_asked_for(
    which: Which, numbers: list[int], tmp_path: Path
) -> None:
    async with open_store(tmp_path / "db", clock=SystemClock()) as store:
        await store.save(FlushBatch(changes={"transitions": (APPROVAL, WORKING)}))

        found = await store.read(lambda raw: read_transitions(raw, which=which))

    assert [each.number for each in found] == numbers
