"""Segments of a session add up to it, whatever is read, split, copied, closed or lost."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.base.ids import SessionId
from jarvisd.core.feature import ALL as ALL_SESSIONS
from jarvisd.core.feature import FlushOutcome
from jarvisd.ledger.session_totals import Session
from jarvisd.segments.engine import SegmentContext, Segments
from jarvisd.segments.model import Closed, Segment
from tests.ledger.books import Block, Books, block, line
from tests.ledger.test_ledger_claude import call, prompt, reply, result, stamp
from tests.ledger.test_ledger_properties import FILES
from tests.support import EPOCH_MS

LONG = block(
    [
        prompt(second=0, key="q1"),
        reply("x1", second=4, inp=5, out=1, read=10, key="k1"),
        reply("x1", second=6, inp=5, out=70, read=10, key="k2", blocks=[call("y1")]),
        result("y1", second=500, error=True),
        reply("x2", second=510, inp=9, out=3, read=0),
        reply("x3", second=1_400, inp=1, out=2, read=0, model="claude-haiku-4-5"),
        reply("x3", second=1_800, inp=1, out=900, read=0, model="claude-haiku-4-5"),
    ],
    session="long",
)
COPY = block(
    [
        line(type="queue-operation", timestamp=stamp(2_900)),
        *LONG.lines[:5],
        reply("x9", second=2_910, inp=7, out=7, read=0),
    ],
    session="a-copy",
)
ALL = (*FILES, LONG, COPY)


@dataclass(slots=True)
class Run:
    """A daemon reduced to its books and its segments, under a clock of its own."""

    books: Books = field(default_factory=Books)
    now_s: float = 0.0
    segments: Segments = field(init=False)
    kept: list[Segment] = field(default_factory=list)
    """What is closed and stored."""

    def __post_init__(self) -> None:
        self._open()

    def read(
        self, file: Block, lines: int | None = None, *, live: bool = False
    ) -> None:
        self.books.read(file, lines)
        session = self.books.ledger.session(file.origin.agent, _session_id(file))
        if live and session is not None:
            self.segments.touched(session, now_s=self.now_s, now_ms=self.now_ms)

    def sweep(self, *, complete: bool) -> None:
        for _ in self.segments.sweep(self.now_s, self.now_ms, complete=complete):
            pass

    def end(self, file: Block) -> None:
        session = self.books.ledger.session(file.origin.agent, _session_id(file))
        if session is not None:
            self.segments.end(session, Closed.END, self.now_ms)

    def restart(self) -> None:
        self.books.restart()
        self._open()

    def finish(self) -> None:
        for file in ALL:
            self.read(file)

        self.flush()
        self.now_s += 10_000_000
        self.sweep(complete=True)
        self.flush()
        self.sweep(complete=True)  # what a correction has just brought
        self.flush()

    @property
    def now_ms(self) -> int:
        return EPOCH_MS + 10**10 + round(self.now_s * 1000)

    def flush(self) -> None:
        """Store all there is."""
        closings = self.segments.take(ALL_SESSIONS) or ()
        self.kept += [each.segment for each in closings]
        self.segments.settled(FlushOutcome.COMMITTED, closings, None)
        self.books.flush()

    def fail_to_flush(self) -> None:
        """Try to store, and fail."""
        closings = self.segments.take(ALL_SESSIONS) or ()
        self.segments.settled(FlushOutcome.REFUSED, closings, None)
        self.books.fail_to_flush()

    def _open(self) -> None:
        ledger = self.books.ledger
        self.segments = Segments(ledger, lambda _: SegmentContext(None, None))
        self.segments.interrupt(self.now_ms)


def _session_id(file: Block) -> SessionId:
    assert file.origin.session_id is not None
    return file.origin.session_id


def totals(session: Session) -> dict[str, int]:
    """Return what the segments of *session* must add up to."""
    return {
        "turns": session.messages,
        "tokens_in": session.tokens.prompt_total,
        "tokens_out": session.tokens.output,
        "cost_micros": session.cost_micros,
        "unpriced": session.unpriced,
        "tools": sum(session.tools.values()),
        "errors": session.tool_errors + session.api_errors,
    }


def sums(run: Run, session: Session) -> dict[str, int]:
    """Return what they add up to, with what could not be taken back."""
    told = [
        each
        for each in run.kept
        if (each.agent, each.session_id) == (session.agent, session.session_id)
    ]
    late, names = session.open_segments.late, totals(session)
    found = {name: sum(getattr(each, name) for each in told) for name in names}
    if late is not None:
        for name in names:
            owed = late.tools if name == "tools" else getattr(late, name)
            found[name] += sum(owed.values()) if isinstance(owed, dict) else owed

    return found


def assert_adds_up(run: Run) -> None:
    for session in run.books.ledger.sessions():
        assert not session.open_segments.open
        assert sums(run, session) == totals(session), session.session_id
        numbers = [
            each.segment
            for each in run.kept
            if (each.agent, each.session_id) == (session.agent, session.session_id)
        ]
        assert numbers == list(range(1, session.open_segments.closed + 1))

    for each in run.kept:
        assert min(each.turns, each.tokens_in, each.tokens_out, each.tools) >= 0
        assert each.duration_ms == each.ended_ms - each.started_ms >= 0


def numbers(run: Run) -> list[tuple[object, ...]]:
    """Return what is told of history, whatever its order."""
    return sorted(
        (
            each.agent,
            each.session_id,
            each.segment,
            each.started_ms,
            each.ended_ms,
            each.turns,
            each.tokens_in,
            each.tokens_out,
            each.tools,
            each.errors,
            each.latency_p50_ms,
            each.latency_p95_ms,
            each.model,
        )
        for each in run.kept
    )


def expected() -> list[tuple[object, ...]]:
    run = Run()
    run.finish()
    return numbers(run)


EXPECTED = expected()

STEPS = [
    *["read"] * 4,
    *["follow"] * 3,
    "flush",
    "flush",
    "fail",
    "restart",
    "sweep",
    "end",
    "wait",
    "stop",
]
steps = st.lists(
    st.tuples(
        st.sampled_from(STEPS),
        st.sampled_from(range(len(ALL))),
        st.integers(1, 5),
    ),
    max_size=50,
)


def test_history_is_split_where_nobody_worked() -> None:
    run = Run()
    run.finish()
    own = [each for each in run.kept if each.session_id == "long"]

    assert [each.duration_ms for each in own] == [6_000, 10_000, 0]
    assert [each.tokens_out for each in own] == [70, 3, 900]
    assert [each.errors for each in own] == [1, 0, 0]
    assert own[0].latency_p50_ms == 4_000
    assert own[1].latency_p50_ms == 10_000


def test_a_copy_of_history_is_no_activity_of_its_own() -> None:
    run = Run()
    run.finish()
    (own,) = [each for each in run.kept if each.session_id == "a-copy"]

    assert (own.turns, own.tokens_out, own.duration_ms) == (1, 7, 10_000)


@given(order=st.permutations(ALL))
@settings(max_examples=30, deadline=None)
def test_history_gives_the_same_segments_in_any_order(order: list[Block]) -> None:
    run = Run()
    for file in order:
        run.read(file)
        run.flush()

    run.finish()
    assert numbers(run) == EXPECTED


@given(steps=steps)
@settings(max_examples=60, deadline=None)
def test_history_may_be_read_in_pieces_by_daemons_that_die(
    steps: list[tuple[str, int, int]],
) -> None:
    run = Run()
    for step, file, lines in steps:
        match step:
            case "read" | "follow":
                run.read(ALL[file], lines)
            case "flush" | "sweep":
                run.sweep(complete=False)
                run.flush()
            case "fail":
                run.fail_to_flush()
            case "restart":
                run.restart()

    run.finish()
    assert numbers(run) == EXPECTED


@given(steps=steps)
@settings(max_examples=150, deadline=None)
def test_segments_add_up_to_their_session_whatever_happens(
    steps: list[tuple[str, int, int]],
) -> None:
    run = Run()
    for step in steps:
        do(run, *step)

    run.finish()
    assert_adds_up(run)


def do(run: Run, step: str, file: int, lines: int) -> None:
    match step:
        case "read":
            run.read(ALL[file], lines)
        case "follow":
            run.read(ALL[file], lines, live=True)
        case "flush":
            run.flush()
        case "fail":
            run.fail_to_flush()
        case "restart":
            run.restart()
        case "sweep":
            run.sweep(complete=lines > 2)
        case "end":
            run.end(ALL[file])
        case "wait":
            run.now_s += lines * 100
        case "stop":
            run.segments.end_all(run.now_ms)
            run.flush()
            run.restart()
