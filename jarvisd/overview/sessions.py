"""Sessions as they are shown: with their blocks, states and costs.

The ledger knows sessions by what lines say; here they meet the blocks that the lines
are in, and the windows of their models. Answers are from memory.
"""

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from jarvisd.base.errors import protocol_error
from jarvisd.base.paging import Place
from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.base.usage import Tokens, Variant
from jarvisd.core.block import Block
from jarvisd.core.block_registry import Blocks
from jarvisd.core.feature import Feature, Mode, SessionKey, Slice
from jarvisd.core.newest_first import NewestFirst
from jarvisd.core.origin import BlockView, SessionId
from jarvisd.core.projects import Projects
from jarvisd.core.publisher import Publish, ignore
from jarvisd.core.traits import TraitsOf, no_traits
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import decode_memory
from jarvisd.ledger.model import SavedBooks
from jarvisd.ledger.session_totals import Price, Session
from jarvisd.overview.model import Context, SessionView
from jarvisd.segments.engine import IDLE_S, SegmentContext, Segments
from jarvisd.state.endings import GIVEN_UP_MS
from jarvisd.state.engine import StateEngine
from jarvisd.state.facts import StateStream
from jarvisd.state.methods import SessionPlace
from jarvisd.state.model import StateView

Window = Callable[[str], int | None]
"""A model -> the length of its context window in tokens, if that is known."""


def no_price(
    model: str | None,
    variant: Variant,
    at_ms: int | None,
    tokens: Tokens,
    web_searches: int,
) -> int | None:
    """Return None: no price is known."""
    del model, variant, at_ms, tokens, web_searches
    return None


class Account(NamedTuple):
    """What a block's session spent, as shown with the block."""

    tokens: Tokens
    cost_micros: int
    unpriced: int
    context_percent: float | None
    last_tool: str | None
    tool_errors: int
    state: State
    state_since_ms: int | None
    activity: Activity | None
    state_tool: str | None
    state_confidence: Confidence
    title: str | None
    model: str | None
    tokens_estimated: bool


class SessionEntry(NamedTuple):
    """A session and its blocks, the first of them first."""

    session: Session
    blocks: list[Block]


class Sessions(Feature):
    """The ledger, the states of its sessions, and the blocks of each of them."""

    def __init__(
        self,
        price: Price = no_price,
        window: Window = lambda _model: None,
        *,
        idle_s: float = IDLE_S,
        sinks: tuple[str, ...] = (),
        traits_of: TraitsOf = no_traits,
        projects: Projects | None = None,
        publish: Publish = ignore,
    ) -> None:
        self.ledger = Ledger(price, idle_ms=round(idle_s * 1000), traits_of=traits_of)
        self.segments = Segments(
            self.ledger,
            self._surroundings,
            idle_s=idle_s,
            sinks=sinks,
            publish=publish,
        )
        self.states = StateEngine(self.ledger.cost_so_far, traits_of=traits_of)
        self.projects = Projects() if projects is None else projects
        self.blocks = Blocks(self.projects, publish)
        self._window, self._traits_of = window, traits_of
        self._blocks: dict[SessionKey, list[Block]] = {}
        self._order: NewestFirst[Session] = NewestFirst(
            lambda: list(self.ledger.sessions()), _last_ms, _name_of
        )
        self._blockless = 0

    def restore(self, saved: SavedBooks, segments_since_ms: int = 0) -> None:
        """Restore what was stored, in place of all that is known of sessions.

        Segments that ended before *segments_since_ms*, when there was no jarvisd that
        told of them, are history. Until `know` gets the keys of all rows as well, each
        row is held against those.
        """
        self._blocks.clear()
        self._order.reset()
        self.ledger.clear()
        states = _drained(saved.sessions)
        self.ledger.restore(states, saved.limits, saved.cells, saved.priced)
        self.ledger.known.complete = False
        self.segments.since_ms = segments_since_ms
        self.segments.reset()

    def know(self, keys: "array[int]") -> None:
        """Restore the *keys* of all rows that are stored, sorted."""
        self.ledger.known.restore(keys)

    def bind(self, block: Block) -> None:
        """Bind *block* to its session; cheap, to be called after its lines are folded."""
        memory = block.memory
        if not isinstance(memory, StateStream) or memory.ledger.session is None:
            return  # no line of it has been folded since it was opened

        session = memory.ledger.session
        if session is not block.session:
            self.unbind(block)
            block.session = session
            self._index(block)

        if self._order.changed is not None:
            self._order.changed[session.session_id, session.agent] = session

    def unbind(self, block: Block) -> None:
        """Record that *block* belongs to no session any more."""
        session, block.session = block.session, None
        if session is not None:
            blocks = self._blocks[session.agent, session.session_id]
            blocks[:] = [each for each in blocks if each is not block]
            if self._order.changed is not None:
                self._order.changed[session.session_id, session.agent] = session

    def applied(self, part: Slice) -> None:
        """Bind the block of *part* to the session that its records name."""
        if part.mode is not Mode.REREAD:
            self.bind(part.stream)

    def counted(self, part: Slice) -> None:
        """Unbind the block of *part*, whose items are not read any more."""
        block = part.stream
        if block.parser_version:
            block.unread()  # should they be wanted again, all of them are
            self.unbind(block)

    def reread(self, stream: Block) -> None:
        """Record that *stream* was read again, by the parser that it names."""
        self.bind(stream)
        session = stream.session
        if session is not None:
            blocks, version = self.entry(session).blocks, stream.parser_version
            # What an agent removed was spent, and cannot be read again.
            sources = (each.source for each in blocks)
            has_all = not any(each and each.has_removed for each in sources)
            if has_all and all(each.parser_version == version for each in blocks):
                self.ledger.replace_older(session.agent, session.session_id, version)

    def bind_restored(self, block: Block) -> None:
        """Bind *block*, which was stored, to its session."""
        origin = block.origin
        session_id = origin.session_id or SessionId(origin.block_id)
        block.session = self.ledger.session(origin.agent, session_id)
        self._index(block)

    def meet_restored(self, block: Block, now_ms: int) -> None:
        """Restore the state of the session of *block* from what was stored of it."""
        last_ms = block.last_activity_ms
        if last_ms is None or now_ms - last_ms >= GIVEN_UP_MS:
            return

        version = block.parser_version
        if version:
            memory = block.open_memory(version, self.states.open_memory)
            if isinstance(memory, StateStream):
                self.states.meet(memory)

    def block_view(self, block: Block, now_ms: int) -> BlockView:
        """Return *block* as frontends see it, with what its session spent."""
        account = self.account(block)
        return block.view(now_ms, **({} if account is None else account._asdict()))

    def account(self, block: Block) -> Account | None:
        """Return the totals of the session of *block*; None if it has no session."""
        session = block.session
        if session is None:
            return None

        context, state = self._context(session), self.state(session)
        return Account(
            tokens=session.tokens,
            cost_micros=session.cost_micros,
            unpriced=session.unpriced,
            context_percent=None if context is None else context.percent,
            last_tool=None if session.last_tool is None else session.last_tool[1],
            tool_errors=session.tool_errors,
            state=state.state,
            state_since_ms=state.since_ms,
            activity=state.activity,
            state_tool=state.tool,
            state_confidence=state.confidence,
            title=None if session.title is None else session.title[2],
            model=session.model,
            tokens_estimated=self._traits_of(session.agent).estimates_tokens,
        )

    def state(self, session: Session) -> StateView:
        """Return the state of *session*, as it was judged last."""
        return self.states.view(session.agent, session.session_id)

    def entries(self) -> Iterator[SessionEntry]:
        """Yield every session with its blocks."""
        for session in self.ledger.sessions():
            yield self.entry(session)

    def newest_first(self, after: Place | None = None) -> Iterator[SessionEntry | None]:
        """Yield the sessions behind the place *after*, newest activity first.

        None is a turn for others.
        """
        blockless = self.ledger.session_count - len(self._blocks)
        if blockless != self._blockless:  # the ledger met a session in others' rows
            self._blockless = blockless
            self._order.reset()

        for session in self._order.walk(after):
            yield None if session is None else self.entry(session)

    def place_of_entry(self, entry: SessionEntry) -> Place:
        """Return the place of a session among the newest."""
        return self._order.place_of(entry.session)

    def entry(self, session: Session) -> SessionEntry:
        """Return *session* with its blocks."""
        key = (session.agent, session.session_id)
        return SessionEntry(session, self._blocks.get(key, []))

    def entry_of(self, agent: str, session_id: SessionId) -> SessionEntry | None:
        """Return the session of exactly this id with its blocks, if there is one."""
        session = self.ledger.session(agent, session_id)
        return None if session is None else self.entry(session)

    def place_of(self, agent: str, session_id: SessionId) -> SessionPlace | None:
        """Return where a session works; None if no line of it was read."""
        session = self.ledger.session(agent, session_id)
        if session is None:
            return None

        cwd = None if session.place is None else session.place[1]
        origins = [each.origin for each in self.blocks_of(agent, session_id)]
        return SessionPlace(
            session.parent_session_id,
            self.project(session),
            cwd,
            None if session.title is None else session.title[2],
            (cwd, *(folder for each in origins for folder in (each.project, each.cwd))),
        )

    def family_cost(self, agent: str, session_id: SessionId) -> int | None:
        """Return the cost of a session and its subagents; None if a part has no price."""
        cost_micros = 0
        for each in self.ledger.sessions():
            ids = (each.session_id, each.parent_session_id)
            if each.agent == agent and session_id in ids:
                if each.unpriced:
                    return None

                cost_micros += each.cost_micros

        return cost_micros

    def blocks_of(self, agent: str, session_id: SessionId) -> tuple[Block, ...]:
        """Return the blocks of a session."""
        return tuple(self._blocks.get((agent, session_id), ()))

    def find(self, prefix: str, agent: str | None = None) -> SessionEntry:
        """Return the one session whose id starts with *prefix*.

        Raises:
            ProtocolError: None does (unknown_session), or several do
                (ambiguous_session).

        """
        near = [
            each
            for each in self.ledger.sessions()
            if agent in {None, each.agent} and each.session_id.startswith(prefix)
        ]
        match _meant(near, prefix):
            case [session] if prefix:
                return self.entry(session)
            case [_, *_] as several if prefix:
                raise protocol_error(
                    "ambiguous_session",
                    f"{len(several)} sessions start with {prefix!r}; "
                    "give more of the id, or the agent",
                )
            case _:
                raise protocol_error("unknown_session", f"no session {prefix!r}")

    def project(self, session: Session) -> str | None:
        """Return the folder of work of *session*."""
        for each in self._blocks.get((session.agent, session.session_id), ()):
            if each.origin.project:
                return each.origin.project

        return None if session.place is None else self.projects.of(session.place[1])

    def view(self, entry: SessionEntry) -> SessionView:
        """Return a session as frontends see it."""
        session, blocks = entry
        spoken = [_spoken(each) for each in blocks]
        spans, place = session.spans, session.place
        cwd = None if place is None else place[1]
        return SessionView(
            session_id=session.session_id,
            agent=session.agent,
            parent_session_id=session.parent_session_id,
            project=self.project(session),
            cwd=cwd,
            title=None if session.title is None else session.title[2],
            model=session.model,
            tokens=session.tokens,
            cost_micros=session.cost_micros,
            unpriced=session.unpriced,
            context=self._context(session),
            prompts=session.prompts,
            user_lines=sum(user for user, _ in spoken),
            assistant_messages=session.messages,
            assistant_lines=sum(assistant for _, assistant in spoken),
            tool_calls=session.tool_calls,
            tool_errors=session.tool_errors,
            tool_denials=session.tool_denials,
            mcp_calls=session.mcp_calls,
            subagents=session.subagents,
            slash_commands=session.commands,
            skills=session.skills,
            distinct_tools=len(session.tools),
            compactions=session.compactions,
            interrupts=session.interrupts,
            api_errors=session.api_errors,
            active_s=spans.active_ms // 1000,
            wall_s=spans.wall_ms // 1000,
            started_ms=spans.first_ms,
            last_activity_ms=spans.last_ms,
            last_tool=None if session.last_tool is None else session.last_tool[1],
            blocks=[each.block_id for each in blocks],
            revision=revision_of(entry),
            state=self.state(session),
            tokens_estimated=self._traits_of(session.agent).estimates_tokens,
        )

    def _surroundings(self, session: Session) -> SegmentContext:
        blocks = self._blocks.get((session.agent, session.session_id), [])
        newest = max(blocks, key=_active_ms, default=None)
        return SegmentContext(
            None if newest is None else newest.block_id, self.project(session)
        )

    def _context(self, session: Session) -> Context | None:
        if session.context is None:
            return None

        tokens = session.context[1]
        window = session.window_tokens
        if window is None and session.model is not None:
            window = self._window(session.model)

        percent = None if not window else round(100 * tokens / window, 1)
        return Context(tokens=tokens, window=window, percent=percent)

    def _index(self, block: Block) -> None:
        session = block.session
        if session is not None:
            key = (session.agent, session.session_id)
            self._blocks.setdefault(key, []).append(block)


def revision_of(entry: SessionEntry) -> int:
    """Return the flush that stored a session last, or will."""
    return max((each.revision for each in entry.blocks), default=0)


def _spoken(block: Block) -> tuple[int, int]:
    """Return how many lines are in the user's name, and in the agent's."""
    if isinstance(block.memory, StateStream):
        memory = block.memory.ledger.memory
    else:
        memory = decode_memory(block.memories.get("ledger", b""))

    return memory.user_lines, memory.assistant_lines


def _drained(states: list[bytes]) -> Iterator[bytes]:
    """Yield all *states* and drop each, so that not all are there decoded and encoded."""
    states.reverse()
    while states:
        yield states.pop()


def _last_ms(session: Session) -> int:
    return session.spans.last_ms or 0


def _name_of(session: Session) -> tuple[str, str]:
    return session.session_id, session.agent


def _active_ms(block: Block) -> int:
    return block.last_activity_ms or 0


def _meant(near: list[Session], prefix: str) -> list[Session]:
    """Return those of *near* that a person means by *prefix*.

    A subagent's id may begin with that of the session that started it.
    """
    exact = [each for each in near if each.session_id == prefix]
    if exact:
        return exact

    ids = {each.session_id for each in near}
    return [each for each in near if each.parent_session_id not in ids]
