"""Lines that are applied together extend times as if each had been applied alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.core.event import ToolCalled, ToolReturned
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.record import Record
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.ledger.session_totals import Session
from jarvisd.state.facts import StateStream
from tests.ledger.books import flat_price

# About the idle time of segments (300 s) and the gap that ends a span (600 s).
PAUSES = (0, 1, 120, 299, 300, 301, 599, 600, 601, 2_000, -1, -250, -310, -700, -5_000)

pauses = st.lists(st.sampled_from(PAUSES), min_size=1, max_size=40)
files = st.lists(pauses, min_size=1, max_size=3)


def records(file: int, steps: list[int]) -> list[Record]:
    at_ms = 1_700_000_000_000 + file * 400_000
    found = []
    for number, step in enumerate(steps):
        at_ms += step * 1_000
        call = f"{file}-{number // 2}"
        event = ToolReturned(call_id=call) if number % 2 else None
        found.append(
            Record(
                kind="x",
                at_ms=at_ms,
                offset=number,
                events=(event or ToolCalled(call_id=call, tool=f"t{number % 3}"),),
            )
        )

    return found


def read(steps: list[list[int]], together: int, *, closes: bool) -> Session:
    """Return the session that all files are of, read *together* lines at a time."""
    ledger, session = Ledger(flat_price), None
    for file, each in enumerate(steps):
        origin = Origin(
            block_id=BlockId(str(file)),
            kind=Kind.TRANSCRIPT,
            agent="claude",
            session_id=SessionId("s"),
        )
        stream, lines = StateStream(LedgerStream(origin)), records(file, each)
        for start in range(0, len(lines), together):
            for record in lines[start : start + together]:
                ledger.apply(stream, record)

            ledger.applied()

        session = ledger.session("claude", SessionId("s"))
        if closes and session is not None:
            list(session.open_segments.close_older())

    assert session is not None
    return session


@given(steps=files, together=st.integers(2, 50), closes=st.booleans())
@settings(max_examples=300, deadline=None)
def test_lines_applied_together_are_as_lines_applied_alone(
    steps: list[list[int]], together: int, *, closes: bool
) -> None:
    alone = read(steps, 1, closes=closes)
    joined = read(steps, together, closes=closes)

    assert joined == alone
