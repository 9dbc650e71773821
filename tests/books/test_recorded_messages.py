"""Messages that wait to be stored, while more of them come than may wait."""

import pytest

from jarvisd.base.ids import BlockId
from jarvisd.conversations import recording
from jarvisd.conversations.model import ConversationLimits
from jarvisd.conversations.recording import MessageRecorder
from jarvisd.core.agent import ReaderContext
from jarvisd.core.block import Block
from jarvisd.core.feature import FlushOutcome, Mode, Scope, Slice
from jarvisd.core.origin import Kind, Origin
from jarvisd.core.sources.jsonlines.lines import TextLine
from tests.agents.found import AGENTS
from tests.ledger.test_ledger_claude import prompt


def said(recorder: MessageRecorder, stream: Block, *numbers: int) -> None:
    """Record, with *recorder*, the prompts *numbers* of *stream*."""
    agent = AGENTS["claude"]
    reader = agent.reader(ReaderContext(), b"")
    texts = [prompt(f"number {each}", key=f"p{each}") for each in numbers]
    part = Slice(
        stream=stream,
        agent=agent,
        items=[TextLine(0, each) for each in texts],
        records=[reader.read(each, offset=0) for each in texts],
        mode=Mode.LIVE,
        now_ms=0,
        now_s=0,
        written_ms=0,
    )
    recorder.applied(part)


@pytest.mark.parametrize(
    ("outcomes", "left"),
    [
        ([FlushOutcome.COMMITTED], [4, 5]),
        ([FlushOutcome.UNANSWERED, FlushOutcome.COMMITTED], [4, 5]),
        ([FlushOutcome.REFUSED], [3, 4, 5]),
        ([FlushOutcome.UNANSWERED, FlushOutcome.REPLACED], [3, 4, 5]),
    ],
)
def test_a_message_that_is_not_stored_stays_though_older_ones_are_dropped_meanwhile(
    outcomes: list[FlushOutcome], left: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_WAITING", 3)
    recorder = MessageRecorder(ConversationLimits(max_age_hours=10**6, threshold=9))
    origin = Origin(
        block_id=BlockId("b1"), kind=Kind.TRANSCRIPT, agent="claude", project="/p"
    )
    stream = Block(origin)
    said(recorder, stream, 1, 2, 3)
    change = recorder.take(Scope([stream]))

    said(recorder, stream, 4, 5)
    for outcome in outcomes:
        recorder.settled(outcome, change, None)

    [waiting] = recorder.take(Scope([stream])) or ()
    assert [each.content for each in waiting] == [f"number {each}" for each in left]
