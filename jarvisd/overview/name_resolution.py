"""Answers about names of sessions and blocks, as people type and read them."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal

from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.work_in_turns import (
    PAUSE,
    RUN,
    InTurns,
    smallest,
    sorted_runs,
    with_turns,
)
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.wire import Backfill
from jarvisd.overview.filter_check import is_reading
from jarvisd.overview.name_candidates import (
    CANDIDATES,
    NameCandidate,
    NameCandidates,
    candidate_title,
    last_active_ms,
)
from jarvisd.overview.names_wire import (
    LATEST,
    IdsShorten,
    IdsShortenResult,
    NamesResolve,
    NamesResolveResult,
)
from jarvisd.overview.prompts import prompts
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.wire import SessionName, SessionsPrompts
from jarvisd.reports.turn_taking import finish

MAX_READ = 2_000
"""Sessions whose first words are searched: a fifth of a second, in a thread."""

LEAST_CHARS = 4
"""Of a beginning, however few ids there are: the next one may come in a moment."""


_By = Literal["id", "project", "words"]

Candidates = Iterator[NameCandidate | None]
"""Things that a name may mean; None is a turn for others."""


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
        self._candidates = NameCandidates(sessions)
        self._agents = agents
        self._clock = clock
        self._backfill = backfill

    async def resolve(self, params: NamesResolve) -> NamesResolveResult:
        """Return the sessions and blocks that a name means."""
        name = params.name.strip()
        now_ms = self._clock.unix_ms()

        def age(candidate: NameCandidate) -> tuple[bool, int]:
            is_over = self._candidates.is_over(candidate, now_ms)
            return is_over, _newest_first(candidate)

        by: _By = "words"
        count, found = 0, list[NameCandidate]()
        for way, things in self._named(name):
            count, found = await finish(smallest(things, age, params.limit))
            if found:
                by = way
                break
        else:
            things = await self._by_first_words(name)
            count, found = await finish(smallest(things, age, params.limit))

        meant = []
        for each in with_turns(found, CANDIDATES):
            if each is None:
                await lowlevel.checkpoint()
            else:
                meant.append(self._candidates.meant(each, now_ms))

        return NamesResolveResult(
            by=by if meant else None,
            total=count,
            meant=meant,
            complete=not is_reading(self._backfill()),
        )

    def _named(self, name: str) -> Iterator[tuple[_By, Candidates]]:
        """Yield the things that *name* may mean, for each way to name something."""
        if not name:
            return

        if name == LATEST:
            yield "id", self._newest()
            return

        candidates = self._candidates
        yield "id", self._by_id(name)
        yield (
            "project",
            (x for x in candidates if x is None or candidates.is_in(x, name)),
        )
        yield (
            "words",
            (
                x
                for x in candidates
                if x is None or _has_words(candidate_title(x), name)
            ),
        )

    def shorten(self, params: IdsShorten) -> Iterator[bytes]:
        """Return the shortest beginning of each id that nothing else has, in steps."""
        near = {each[:LEAST_CHARS] for each in params.ids}
        others = set()
        yield PAUSE
        for each in self._candidates.ids():
            if each is None:
                yield PAUSE
            elif each[:LEAST_CHARS] in near:
                others.add(each)

        short = yield from shortened(params.ids, others)
        yield encode_safe(IdsShortenResult(short=short))

    def _newest(self) -> Candidates:
        newest: NameCandidate | None = None
        for each in self._candidates:
            if each is None:
                yield None
            elif newest is None or _newest_first(each) < _newest_first(newest):
                newest = each

        yield newest

    def _by_id(self, name: str) -> Candidates:
        near: list[NameCandidate] = []
        exact: list[NameCandidate] = []
        for each in self._candidates.beginning_with(name):
            if each is None:
                yield None
            else:
                near.append(each)
                if name in each.ids:
                    exact.append(each)

        # A session that was found stands for its own blocks and subagents as well.
        found, sessions = exact or near, set()
        for each in with_turns(found):
            if each is None:
                yield None
            elif each.session_id in each.ids:
                sessions.add((each.agent, each.session_id))

        for each in with_turns(found):
            if (
                each is None
                or (each.agent, _head(each.session_id)) not in sessions
                or (each.session_id in each.ids and _head(each.session_id) in each.ids)
            ):
                yield each

        while near or exact:  # to free all at once would be one long step
            del near[-RUN:], exact[-RUN:]
            yield None

    async def _by_first_words(self, name: str) -> Candidates:
        if name in {"", LATEST}:
            return iter(())

        untitled = (
            each
            for each in self._candidates
            if each is None
            or (each.session_id is not None and candidate_title(each) is None)
        )
        _, newest = await finish(smallest(untitled, _newest_first, MAX_READ))
        names = [
            SessionName(agent=each.agent, session_id=each.session_id)
            for each in newest
            if each.session_id is not None
        ]
        answer = await prompts(
            self._sessions, self._agents, SessionsPrompts(sessions=names)
        )
        found = set()
        for each in with_turns(answer.sessions):
            if each is None:
                await lowlevel.checkpoint()
            elif _has_words(each.words, name):
                found.add((each.agent, each.session_id))

        return (x for x in newest if (x.agent, x.session_id) in found)


def _has_words(text: str | None, name: str) -> bool:
    """Return True if all words of *name* are in *text*, whatever their case."""
    if not text:
        return False

    words, folded = name.casefold().split(), text.casefold()
    return bool(words) and all(each in folded for each in words)


def _newest_first(candidate: NameCandidate) -> int:
    return -(last_active_ms(candidate) or 0)


def _head(session_id: str | None) -> str | None:
    """Return the session that a subagent's id begins with, or the id itself."""
    return None if session_id is None else session_id.partition("/")[0]


def shortened(ids: Iterable[str], known: Iterable[str]) -> InTurns[list[str]]:
    """Return the shortest beginning of each of *ids* that none of *known* has.

    The id of a subagent begins with its session's: each of the two parts is cut.
    """
    known_heads: set[str] = set()
    parts: dict[str, set[str]] = {}
    for each in with_turns(known):
        if each is None:
            yield PAUSE
            continue

        head, _, rest = each.partition("/")
        known_heads.add(head)
        if rest:
            parts.setdefault(head, set()).add(rest)

    heads, made = (yield from _sorted(known_heads)), []
    siblings: dict[str, list[str]] = {}
    for each in with_turns(ids):
        if each is None:
            yield PAUSE
            continue

        head, slash, rest = each.partition("/")
        short = shortest(head, heads)
        if slash:
            if head not in siblings:
                siblings[head] = yield from _sorted(parts.get(head, ()))

            short += "/" + shortest(rest, siblings[head])

        made.append(short)

    return made


def _sorted(names: Collection[str]) -> InTurns[list[str]]:
    """Return *names*, each of which is there once, in order."""
    found: list[str] = []
    for run in sorted_runs(list(names), str):
        found += run
        yield PAUSE

    return found


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
