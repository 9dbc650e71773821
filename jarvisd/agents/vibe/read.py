"""One item of a session of Mistral Vibe -> the record of its events.

Journals are deleted once they were folded into documents, which repeat their entries
and know what the session used in all, and nothing of its answers. So usage is what
each report of the running totals adds, and an entry of a document says something only
if no journal did before: it is newer than all that was read.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.cumulative import CumulativeUsage
from jarvisd.agents._shared.decode import (
    UNDECODED,
    decode_strange,
    digest_of,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents._shared.troubles import TROUBLES
from jarvisd.agents.vibe.older import SPEAKERS, message_record
from jarvisd.agents.vibe.shape import (
    PASSED_OVER,
    DeltaOperation,
    EffectState,
    Envelope,
    JournalPayload,
    LatestTurn,
    VibeEntry,
    VibeItem,
    VibeMeta,
    VibeUsage,
)
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    ContextMeasured,
    Cue,
    Event,
    Interrupted,
    LimitReached,
    MessageWritten,
    Outcome,
    PromptGiven,
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record

MICROS = 1_000_000
QUESTION = "ask_user_question"
_RUNNING = {"running", "pending", "waiting"}
_FAILURES = {"error", "failure"}
_MAX_OPEN = 64


class VibeMemory(msgspec.Struct, omit_defaults=True):
    """What is remembered of a session from item to item.

    Attributes:
        usage: The running totals that were reported.
        spent_micros: The cost that an older version reported so far.
        model: The model in use.
        turn: The newest turn, and how it is.
        read_ms: When the newest state was written that was read.
        folded_ms: When the newest entry was made that a document had first.
        asks: The newest words ask something.
        approvals: The calls that open dialogs are about, by dialog.

    """

    usage: CumulativeUsage = msgspec.field(default_factory=CumulativeUsage)
    spent_micros: int = 0
    model: str | None = None
    turn: tuple[str, str] | None = None
    read_ms: int | None = None
    folded_ms: int | None = None
    asks: bool = False
    approvals: dict[str, str] = {}


_DECODE = msgspec.json.Decoder(VibeItem).decode
_MEMORY = msgspec.msgpack.Decoder(VibeMemory)
_ENCODE = msgspec.msgpack.Encoder().encode
condense = condenser_of(VibeItem)


class VibeReader:
    """Reads the items of one session.

    Attributes:
        session: Whose they are, by the name of their folder.
        known: What is remembered of the items so far.

    """

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self.session = context.session_id or ""
        self.known = VibeMemory()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is damaged is none
                self.known = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the item *text*, or None if it is malformed."""
        left_out = 0
        try:
            item = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, VibeItem, error)
            if found is None:
                return None

            item = found

        record = self._record(item)
        return replace(record, offset=offset, left_out=left_out)

    def memory(self) -> bytes:
        """Return the encoded memory; b"" if it cannot be encoded."""
        try:
            return _ENCODE(self.known)
        except (OverflowError, TypeError, ValueError):
            return b""

    def _record(self, item: VibeItem) -> Record:
        payload = item.payload or _NO_PAYLOAD
        drift = Drift(DriftKind.RECORD_TYPE, item.type)
        found = Record(
            kind=item.type, drift=() if item.type in _WITHOUT_EVENTS else (drift,)
        )
        match item.type:
            case "projection_delta":
                found = self._delta(payload.delta or ())
            case "state" if item.state is not None:
                found = self._state("state", item.state)
            case "entry":
                found = self._folded(item.entry or VibeEntry())
            case "meta" if item.meta is not None:
                found = self._meta(item.meta)
            case "callback_registered" if payload.routing is not None:
                events = tuple(_asked(payload, self.known))
                at_ms = unix_ms(payload.routing.created_at)
                found = Record(kind=item.type, at_ms=at_ms, events=events)
            case "callback_resolved":
                events = tuple(_answered(payload, self.known))
                found = Record(kind=item.type, events=events)
            case "" if item.role:
                found = message_record(item)

        return found

    def _delta(self, delta: tuple[DeltaOperation, ...]) -> Record:
        """Return the record of what became visible at once."""
        record = Record(kind="projection_delta")
        for each in delta:
            found: Record | None = None
            if each.entry is not None:
                is_folded = _time_of(each.entry) <= (self.known.folded_ms or 0)
                is_new = each.op == "append_entry" and not is_folded
                found = self._entry(each.entry, is_new=is_new)
            elif each.state is not None:
                found = self._state("", each.state)

            if found is not None:
                is_said = found.speaker is not None and record.speaker is None
                times = [at for at in (record.at_ms, found.at_ms) if at is not None]
                record = replace(
                    record,
                    at_ms=max(times, default=None),
                    key=found.key if is_said else record.key or found.key,
                    speaker=record.speaker or found.speaker,
                    parent_session_id=found.parent_session_id,
                    events=record.events + found.events,
                )

        return record

    def _folded(self, entry: VibeEntry) -> Record:
        """Return the record of an entry of a document, empty if it was read before."""
        known, at_ms = self.known, _time_of(entry)
        if not entry.id or at_ms <= (known.read_ms or 0):
            return Record(kind="entry")

        known.folded_ms = max(known.folded_ms or 0, at_ms)
        record = self._entry(entry, is_new=True)
        return replace(record, kind="entry", at_ms=at_ms)

    def _entry(self, entry: VibeEntry, *, is_new: bool) -> Record:
        known, role = self.known, entry.role if entry.type == "message" else None
        events: list[Event] = []
        if role == "user" and is_new:
            known.asks = False
            chars = sum(map(len, texts_of(entry)))
            events.append(PromptGiven(chars=chars, key=entry.id))
        elif role == "assistant":
            known.asks = asks("\n".join(texts_of(entry)))
            events.append(MessageWritten(message_id=entry.id))
        elif entry.type == "effect" and entry.id:
            known.asks = False
            events.extend(_call(entry, entry.id, is_new=is_new))

        return Record(
            kind=entry.type,
            at_ms=unix_ms(entry.updated_at or entry.created_at),
            key=entry.id,
            speaker=SPEAKERS.get(role or "") if is_new else None,
            events=tuple(events),
        )

    def _state(self, kind: str, state: Envelope) -> Record:
        """Return the record of a session's state: usage, title, and whose turn it is."""
        session, known = state.session, self.known
        if session is None:
            return Record(kind=kind)

        at_ms = unix_ms(session.updated_at)
        events: list[Event] = []
        if session.token_usage is not None:
            owner = session.id or self.session  # a copied folder has another name
            events += _used(session.token_usage, owner, known)
            context = session.context_usage
            if events and context is not None:
                events.append(ContextMeasured(tokens=context.input_tokens))

        events += _titled(session.title, session.title_source)
        if (at_ms or 0) >= (known.read_ms or 0):
            known.read_ms = at_ms or known.read_ms
            if state.latest_turn is not None:
                events += _turn(state.latest_turn, known)

        return Record(
            kind=kind,
            at_ms=at_ms,
            parent_session_id=session.parent_session_id or None,
            events=tuple(events),
        )

    def _meta(self, meta: VibeMeta) -> Record:
        """Return the record of the metadata; of older versions it has the usage."""
        known, config = self.known, meta.config
        events = list(_titled(meta.title, meta.title_source))
        if config is not None:
            named = {
                each.alias: each.name for each in config.models or () if each.alias
            }
            active = config.active_model or ""
            known.model = config.model_name or named.get(active) or active or None

        if meta.stats is not None:
            usage = VibeUsage(
                input_tokens=meta.stats.session_prompt_tokens,
                cached_input_tokens=meta.stats.session_cached_tokens,
                output_tokens=meta.stats.session_completion_tokens,
            )
            total = round((meta.stats.session_cost or 0) * MICROS)
            stated, known.spent_micros = total - known.spent_micros, total
            owner = meta.session_id or self.session
            events += _used(usage, owner, known, stated_micros=stated)
            if events and meta.stats.context_tokens:
                events.append(ContextMeasured(tokens=meta.stats.context_tokens))

        environment = meta.environment
        cwd = None if environment is None else environment.working_directory
        return Record(
            kind="meta",
            at_ms=unix_ms(meta.end_time or meta.start_time),
            parent_session_id=meta.parent_session_id or None,
            cwd=cwd or None,
            branch=meta.git_branch,
            events=tuple(events),
        )


_NO_PAYLOAD = JournalPayload()
_WITHOUT_EVENTS = {*PASSED_OVER, "meta", "state", "callback_registered"}


def _time_of(entry: VibeEntry) -> int:
    """Return when *entry* was made; 0 if that is not written."""
    return unix_ms(entry.created_at) or 0


def texts_of(entry: VibeEntry) -> list[str]:
    """Return the texts in a message."""
    return [text_of(each.text) or "" for each in entry.content or ()]


def _call(entry: VibeEntry, call_id: str, *, is_new: bool) -> Iterator[Event]:
    detail, state = entry.detail, entry.state
    if is_new:
        # The name has the group of the tool before it.
        named = "" if detail is None else detail.tool_name or detail.kind or ""
        tool = named.rpartition(".")[2]
        is_agent = detail is not None and detail.kind == "subagent"
        yield ToolCalled(
            call_id=call_id,
            tool=tool,
            kind=ToolKind.SUBAGENT if is_agent else ToolKind.TOOL,
            subagent=tool if is_agent else None,
            digest=0 if detail is None else digest_of(detail.input),
        )

    if state is not None and state.status and state.status not in _RUNNING:
        began, ended = unix_ms(entry.created_at), unix_ms(entry.updated_at)
        took = None if began is None or ended is None else max(0, ended - began)
        yield ToolReturned(call_id=call_id, outcome=_outcome(state), duration_ms=took)


def _outcome(state: EffectState) -> Outcome:
    error, output = state.error, state.output
    if state.decision == "skip" or (error is not None and error.code == "tool_denied"):
        return Outcome.DENIED

    content = None if output is None else output.structured_content
    failed = (
        error is not None
        or state.status != "completed"
        or (output is not None and output.type in _FAILURES)
        or (content is not None and content.returncode not in {None, 0})
    )
    return Outcome.ERROR if failed else Outcome.OK


def _used(
    usage: VibeUsage, session: str, known: VibeMemory, *, stated_micros: int = 0
) -> list[Event]:
    """Return the answer that running totals add to those before.

    The totals behind it name an answer: they are alike wherever they are read.
    """
    total, cached = usage.input_tokens, usage.cached_input_tokens or 0
    if total is None and usage.output_tokens is None:
        return []

    read = min(cached, total or 0)
    tokens = Tokens(
        input=(total or 0) - read, cache_read=read, output=usage.output_tokens or 0
    )
    added = known.usage.added(tokens) if tokens.total else None
    if added is None:
        return []

    name = f"{session}:{tokens.input}:{tokens.cache_read}:{tokens.output}"
    report = UsageReported(
        response=name,
        model=known.model,
        tokens=added,
        in_context=False,
        stated_micros=stated_micros if stated_micros > 0 else None,
    )
    return [report]


def _titled(title: str | None, source: str | None) -> list[Event]:
    if not title:
        return []

    rank = TitleRank.CUSTOM if source not in {None, "auto"} else TitleRank.AI
    return [TitleGiven(title=title[:MAX_TITLE_CHARS], rank=rank)]


def _turn(turn: LatestTurn, known: VibeMemory) -> Iterator[Event]:
    """Yield the events of the newest turn that are new: that it began, or how it ended."""
    now = (turn.id or "", turn.status or "")
    if now == known.turn:
        return

    known.turn = now
    match turn.status:
        case "in_progress":
            yield TurnStarted(turn_id=turn.id)
            return
        case "interrupted":
            yield Interrupted(reason="user")
        case "failed":
            yield _failure(turn)
        case "completed" if known.asks:
            yield Asked(cue=Cue.QUESTION)

    yield TurnEnded(turn_id=turn.id)


def _failure(turn: LatestTurn) -> Event:
    error = turn.error
    code = None if error is None else error.code
    details = None if error is None else error.details
    status = None if details is None else details.http_status
    if code is not None and "quota" in code:
        return LimitReached()

    trouble = TROUBLES.get(code or "", Trouble.API_ERROR)
    if status == 401:
        trouble = Trouble.LOGGED_OUT

    return ApiFailed(error=code, status=status, trouble=trouble)


def _asked(payload: JournalPayload, known: VibeMemory) -> Iterator[Event]:
    detail = None if payload.routing is None else payload.routing.detail
    if not payload.callback_id:
        return

    related = None if detail is None else detail.related_entry_id
    call_id = related or payload.callback_id
    known.approvals[payload.callback_id] = call_id
    if len(known.approvals) > _MAX_OPEN:
        del known.approvals[next(iter(known.approvals))]

    effect = None if detail is None else detail.effect
    tool = None if effect is None else (effect.tool_name or "").rpartition(".")[2]
    is_approval = payload.kind == "approval"
    yield ApprovalRequested(call_id=call_id, tool=tool if is_approval else QUESTION)


def _answered(payload: JournalPayload, known: VibeMemory) -> Iterator[Event]:
    call_id = known.approvals.pop(payload.callback_id or "", None)
    if call_id is not None:
        yield ApprovalAnswered(call_id=call_id)
