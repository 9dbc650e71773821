"""What a session is called: its title, else its first words, else project and time.

First words are asked for when a session is shown, and kept as long as the command runs.
They are the person's own: they go to the terminal, and never where output is kept.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from jarvisd.base.errors import ProtocolError
from jarvisd.base.ids import SessionId
from jarvisd.base.wire_types import Params
from jarvisd.cli import wall_clock
from jarvisd.cli.daemon_connection import Answer
from jarvisd.cli.output import project_names
from jarvisd.core.origin import BlockView
from jarvisd.overview.names_wire import MAX_SHORTENED, IdsShorten, IdsShortenResult
from jarvisd.overview.wire import (
    MAX_PROMPTS,
    SessionName,
    SessionPrompt,
    SessionsPrompts,
    SessionsPromptsResult,
)
from jarvisd.state.wire import LiveSession

MAX_ASKED = 1_000
"""Sessions whose first words are asked for at once: less than 0.1 s for the daemon."""

ASK_AGAIN_S = 2.0
"""A session has no prompt until its person has written one, whenever that is."""

MAX_TRIES = 3
"""Of a subagent, which seldom has a prompt of its own."""

LEAST_SHOWN = 8
"""Of an id, where the daemon does not report how far it may be cut."""

_Key = tuple[str, str]


class Ask(Protocol):
    """Asks the daemon, as `Client.call` and `Connection.call` do."""

    def __call__(self, params: Params, answer: type[Answer], /) -> Answer:
        """Return the answer to *params*."""
        ...


class Named(NamedTuple):
    """What is known of a session that is to be called something."""

    agent: str
    session_id: str | None
    title: str | None
    project: str | None
    started_ms: int | None = None
    is_subagent: bool = False

    @property
    def key(self) -> _Key:
        """Return the facts that no other session has."""
        return self.agent, self.session_id or ""


def of_block(block: BlockView) -> Named:
    """Return the title of the session of *block*, or what stands for it."""
    return Named(
        block.agent,
        block.session_id,
        block.title,
        block.project or block.cwd,
        block.start_ts_ms,
        block.parent_session_id is not None,
    )


def ids_of(shown: Iterable[BlockView]) -> Iterator[str | None]:
    """Yield the ids that a table has of *shown*."""
    for each in shown:
        yield each.block_id
        yield each.session_id


def of_session(session: LiveSession) -> Named:
    """Return the title of *session*, or what stands for it."""
    return Named(
        session.agent,
        session.session_id,
        session.title,
        session.project or session.cwd,
        is_subagent=session.parent_session_id is not None,
    )


class Titles:
    """The names of sessions, with first words and short ids as far as they are known."""

    def __init__(self) -> None:
        self._known: dict[_Key, SessionPrompt] = {}
        self._tries: dict[_Key, tuple[int, float]] = {}
        """How often each was asked for, and when that was last."""
        self._short: dict[str, str] = {}

    def learn(self, ask: Ask, shown: Iterable[Named]) -> None:
        """Ask for the first words of those of *shown* that have no title."""
        wanted = islice(dict.fromkeys(filter(self._is_unknown, shown)), MAX_ASKED)
        names = [
            SessionName(agent=each.agent, session_id=SessionId(each.session_id or ""))
            for each in wanted
        ]
        for start in range(0, len(names), MAX_PROMPTS):
            page = names[start : start + MAX_PROMPTS]
            for each in page:
                key = (each.agent, each.session_id)
                count, _ = self._tries.get(key, (0, 0.0))
                self._tries[key] = count + 1, wall_clock.monotonic()

            try:
                answer = ask(SessionsPrompts(sessions=page), SessionsPromptsResult)
            except ProtocolError:  # a daemon of before that has no such method
                return

            for found in answer.sessions:
                self._known[found.agent, found.session_id] = found

    def learn_ids(self, ask: Ask, ids: Iterable[str | None]) -> None:
        """Ask how far *ids* may be cut and still be found.

        Where one of them is new, all are asked for: it may begin like another one.
        """
        shown = [each for each in dict.fromkeys(ids) if each is not None]
        wanted = shown[:MAX_SHORTENED]
        if self._short.keys() >= set(wanted):
            return

        try:
            answer = ask(IdsShorten(ids=wanted), IdsShortenResult)
        except ProtocolError:  # a daemon of before that has no such method
            return

        self._short.update(zip(wanted, answer.short, strict=True))

    def short(self, id_: str) -> str:
        """Return the shortest beginning of *id_* that names it, as far as is known."""
        return self._short.get(id_, id_[:LEAST_SHOWN])

    def of(self, named: Named) -> str:
        """Return the title of a session."""
        known = self._known.get(named.key)
        if named.title or known is None:
            return called(named)

        started_ms = named.started_ms or known.started_ms
        return known.words or called(named._replace(started_ms=started_ms))

    def _is_unknown(self, named: Named) -> bool:
        known = self._known.get(named.key)
        if (
            named.session_id is None
            or named.title
            or (known is not None and known.words is not None)
        ):
            return False

        count, last_at = self._tries.get(named.key, (0, 0.0))
        if not count:
            return True

        is_hopeless = named.is_subagent and count >= MAX_TRIES
        return not is_hopeless and wall_clock.monotonic() >= last_at + ASK_AGAIN_S


def called(named: Named) -> str:
    """Return the title of a session without its first words."""
    if named.title:
        return named.title

    what = project_names.short(named.project) or named.agent
    if named.is_subagent:
        what = "subagent"

    when = (
        ""
        if named.started_ms is None
        else f" {wall_clock.short_time(named.started_ms)}"
    )
    return what + when
