"""Answers about names of sessions and blocks, as people type and read them."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Literal

from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.wire import Backfill
from jarvisd.overview.filter_check import is_reading
from jarvisd.overview.name_candidates import (
    NameCandidate,
    NameCandidates,
    candidate_title,
    last_active_ms,
)
from jarvisd.overview.names_wire import (
    LATEST,
    IdsShorten,
    IdsShortenResult,
    Meant,
    NamesResolve,
    NamesResolveResult,
)
from jarvisd.overview.prompts import prompts
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.wire import SessionName, SessionsPrompts

MAX_READ = 2_000
"""Sessions whose first words are searched: a fifth of a second, in a thread."""

LEAST_CHARS = 4
"""Of a beginning, however few ids there are: the next one may come in a moment."""


_By = Literal["id", "project", "words"]


class Names:
    """Answers from what the daemon has in memory, and from the heads of transcripts."""

    def __init__(
        self,
        sessions: Sessions,
        agents: AgentRegistry,
        clock: Clock,
        *,
        backfill: Callable[[], Backfill],
    ) -> None:
        self._sessions = sessions
        self._candidates = NameCandidates(sessions, clock)
        self._agents = agents
        self._backfill = backfill

    async def resolve(self, params: NamesResolve) -> NamesResolveResult:
        """Return the sessions and blocks that a name means."""
        name = params.name.strip()
        by, found = await self._named(name)
        meant = sorted(map(self._candidates.meant, found), key=_by_age)
        return NamesResolveResult(
            by=by if meant else None,
            total=len(meant),
            meant=meant[: params.limit],
            complete=not is_reading(self._backfill()),
        )

    async def _named(self, name: str) -> tuple[_By, list[NameCandidate]]:
        if not name:
            return "id", []

        if name == LATEST:
            return "id", sorted(self._candidates, key=_newest_first)[:1]

        if found := self._by_id(name):
            return "id", found

        # Each look at all sessions takes some time, and others have questions too.
        await lowlevel.checkpoint()
        if found := [
            each for each in self._candidates if self._candidates.is_in(each, name)
        ]:
            return "project", found

        await lowlevel.checkpoint()
        titled = [
            each for each in self._candidates if _has_words(candidate_title(each), name)
        ]
        return "words", titled or await self._by_first_words(name)

    def shorten(self, params: IdsShorten) -> IdsShortenResult:
        """Return the shortest beginning of each id that nothing else has."""
        near = {each[:LEAST_CHARS] for each in params.ids}
        others = {each for each in self._candidates.ids() if each[:LEAST_CHARS] in near}
        return IdsShortenResult(short=shortened(params.ids, others))

    def _by_id(self, name: str) -> list[NameCandidate]:
        near = list(self._candidates.beginning_with(name))
        found = [each for each in near if name in each.ids] or near
        # A session that was found stands for its own blocks and subagents as well.
        sessions = {(e.agent, e.session_id) for e in found if e.session_id in e.ids}
        return [
            each
            for each in found
            if (each.agent, _head(each.session_id)) not in sessions
            or (each.session_id in each.ids and _head(each.session_id) in each.ids)
        ]

    async def _by_first_words(self, name: str) -> list[NameCandidate]:
        untitled = [
            each
            for each in self._candidates
            if each.session_id is not None and candidate_title(each) is None
        ]
        untitled.sort(key=_newest_first)
        names = [
            SessionName(agent=each.agent, session_id=each.session_id)
            for each in untitled[:MAX_READ]
            if each.session_id is not None
        ]
        answer = await prompts(
            self._sessions, self._agents, SessionsPrompts(sessions=names)
        )
        found = {
            (each.agent, each.session_id)
            for each in answer.sessions
            if _has_words(each.words, name)
        }
        return [each for each in untitled if (each.agent, each.session_id) in found]


def _has_words(text: str | None, name: str) -> bool:
    """Return True if all words of *name* are in *text*, whatever their case."""
    words, folded = name.casefold().split(), (text or "").casefold()
    return bool(words) and all(each in folded for each in words)


def _newest_first(candidate: NameCandidate) -> int:
    return -(last_active_ms(candidate) or 0)


def _by_age(meant: Meant) -> tuple[bool, int]:
    return meant.is_over, -(meant.last_activity_ms or 0)


def _head(session_id: str | None) -> str | None:
    """Return the session that a subagent's id begins with, or the id itself."""
    return None if session_id is None else session_id.partition("/")[0]


def shortened(ids: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the shortest beginning of each of *ids* that none of *known* has.

    The id of a subagent begins with its session's: each of the two parts is cut.
    """
    parts: dict[str, list[str]] = {}
    for head, _, rest in (each.partition("/") for each in known):
        parts.setdefault(head, []).append(rest)

    heads, made = sorted(parts), []
    for head, slash, rest in (each.partition("/") for each in ids):
        short = shortest(head, heads)
        siblings = sorted(filter(None, parts.get(head, ())))
        made.append(f"{short}/{shortest(rest, siblings)}" if slash else short)

    return made


def shortest(wanted: str, known: list[str]) -> str:
    """Return the shortest beginning of *wanted* that no other of *known*, sorted, has."""
    at = bisect_left(known, wanted)
    beside: Iterable[str] = (*known[max(0, at - 1) : at], *known[at : at + 2])
    shared = max(
        (_shared(wanted, each) for each in beside if each != wanted),
        default=0,
    )
    return wanted[: max(LEAST_CHARS, shared + 1)]


def _shared(one: str, other: str) -> int:
    """Return with how many characters both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    end = min(len(one), len(other))
    return next((at for at, (left, right) in pairs if left != right), end)
