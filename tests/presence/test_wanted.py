"""Which sessions are asked for, from the books of a daemon that has read their files."""

from collections.abc import Iterator
from pathlib import Path

from jarvisd.base.session_words import State
from jarvisd.core.origin import SessionId
from jarvisd.core.signal import HookCalled
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.wanted_sessions import (
    MAX_AGE_S,
    MAX_QUIET_AGE_S,
    WantedSessions,
    wanted_sessions,
)
from jarvisd.state.engine import StateEngine
from jarvisd.state.model import StateView
from tests.books.rig import append, running, transcript
from tests.ledger import test_ledger_claude as claude
from tests.rpc.fakes import block
from tests.support import FakeClock


class KnownStates(StateEngine):
    """States that are what they are said to be."""

    def __init__(self, **states: State) -> None:
        super().__init__()
        self.known = states

    def roots(self) -> Iterator[tuple[str, SessionId]]:
        return (("claude", SessionId(each)) for each in self.known)

    def state_of(self, key: tuple[str, SessionId]) -> State:
        return self.known[key[1]]

    def view(self, agent: str, session_id: SessionId) -> StateView:
        return StateView(state=self.known[session_id])


async def test_sessions_that_are_not_over_are_wanted(tmp_path: Path) -> None:
    path = transcript(tmp_path, "s1")
    append(path, claude.prompt(second=1), claude.reply("m1", second=2))
    append(transcript(tmp_path, "s2"), claude.prompt(second=1))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        books = daemon.sessions
        books.states = KnownStates(
            s1=State.IDLE, s2=State.ENDED, never_seen=State.UNKNOWN
        )
        (wanted,) = wanted_sessions(books)
        assert wanted.last_ms == daemon.session().spans.last_ms

    assert (wanted.agent, wanted.session_id) == ("claude", "s1")
    assert wanted.paths == (str(path),)


async def test_the_list_is_the_same_while_nothing_changes() -> None:
    clock = FakeClock()
    wanting = WantedSessions(Sessions(), clock)
    first = wanting()
    await clock.advance(MAX_QUIET_AGE_S - 1)

    assert wanting() is first
    await clock.advance(2)
    assert wanting() is not first


async def test_lines_that_came_make_the_list_anew_once_it_is_old() -> None:
    sessions, clock, grown = Sessions(), FakeClock(), block()
    sessions.blocks.add(grown, clock.unix_ms())
    wanting = WantedSessions(sessions, clock)
    first = wanting()
    sessions.blocks.changed(grown, clock.unix_ms())

    assert wanting() is first
    await clock.advance(MAX_AGE_S + 1)
    assert wanting() is not first


def test_a_session_that_came_makes_the_list_anew_at_once() -> None:
    sessions = Sessions()
    wanting = WantedSessions(sessions, FakeClock())
    first = wanting()
    hook = HookCalled(
        agent="claude", session_id=SessionId("s"), event="SessionStart", at_ms=1
    )
    sessions.states.record_signal(hook)

    assert wanting() is not first
