"""One element of a task of an editor extension -> what it says happened.

A message that is shown has a time, by which it is known; it is written anew while it
grows. Only the newest says whose turn it is. The model of a request is the last one
that was named before it, by time.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.decode import (
    UNDECODED,
    decode,
    decode_strange,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.gross_usage import micros_of
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents._shared.task_shape import TaskItem, TaskRequest
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Compacted,
    Event,
    Interrupted,
    MessageWritten,
    ModeChanged,
    PromptGiven,
    ToolCalled,
    ToolReturned,
    Trouble,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.message import Role, Said
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODER = msgspec.json.Decoder(TaskItem)
_REQUEST = msgspec.json.Decoder(TaskRequest)
condense = condenser_of(TaskItem)

MAX_MODELS = 64
QUESTION = "ask_followup_question"
_PERMISSIONS = {"tool", "command", "use_mcp_server", "browser_action_launch"}
_RESTS = {
    "completion_result",
    "plan_mode_respond",
    "resume_task",
    "resume_completed_task",
    "mistake_limit_reached",
}
_PROMPTS = {"task", "user_feedback"}
_WORDS = {"text", "completion_result", *_PROMPTS}
_MODEL = re.compile(r"<model>([^<\n]{1,200})</model>")
_MODE = re.compile(r"<slug>([^<\n]{1,64})</slug>")
_FOLDER = re.compile(r"# Current Work(?:ing|space) Directory \(([^)\n]{1,4096})\)")


class TaskMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one task.

    Attributes:
        models: From when on which model was used, by time.
        mode: The mode that was named last.
        newest_ms: The time of the newest message.
        asking: The question that is open, or permission; "" if none is.

    """

    models: list[tuple[int, str]] = msgspec.field(default_factory=list)
    mode: str = ""
    newest_ms: int = 0
    asking: str = ""


_MEMORY = msgspec.msgpack.Decoder(TaskMemory)
_PERMISSION = "permission"


class TaskReader:
    """Reads the elements of one task.

    *shows_waits*: a request for permission that is shown was not answered by a setting.
    """

    def __init__(
        self, context: ReaderContext, saved: bytes, *, shows_waits: bool
    ) -> None:
        self._session_id = context.session_id or ""
        self._shows_waits = shows_waits
        self._memory = TaskMemory()
        with suppress(msgspec.DecodeError):  # a memory that is damaged is none
            self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the element *text*, or None if it is malformed."""
        left_out = 0
        try:
            item = _DECODER.decode(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, TaskItem, error)
            if found is None:
                return None

            item = found

        at_ms, kind = unix_ms(item.ts), item.say or item.ask or item.role
        if item.role:
            return self._environment(item, at_ms, offset, left_out)

        if item.model_id:
            self._use(item.model_id, at_ms)
            kind = "model"

        drift = Drift(DriftKind.RECORD_TYPE, item.type)
        return Record(
            kind=kind,
            at_ms=at_ms,
            offset=offset,
            speaker=_speaker(item),
            drift=() if kind else (drift,),
            left_out=left_out,
            events=tuple(self._shown(item, at_ms)) if kind != "model" else (),
        )

    def memory(self) -> bytes:
        """Return the encoded memory."""
        return msgspec.msgpack.encode(self._memory)

    def _environment(
        self, item: TaskItem, at_ms: int | None, offset: int, left_out: int
    ) -> Record:
        words = _content_of(item)
        model, mode = _MODEL.search(words), _MODE.search(words)
        folder = _FOLDER.search(words)
        if model is not None:
            self._use(model[1].strip(), at_ms)

        events: tuple[Event, ...] = ()
        if mode is not None and mode[1] != self._memory.mode:
            self._memory.mode = mode[1]
            events = (ModeChanged(mode=mode[1]),)

        return Record(
            kind=item.role,
            at_ms=at_ms,
            cwd=None if folder is None else folder[1],
            offset=offset,
            left_out=left_out,
            events=events,
        )

    def _use(self, model: str, at_ms: int | None) -> None:
        models = self._memory.models
        models.append((at_ms or 0, model))
        models.sort(key=lambda each: each[0])
        del models[:-MAX_MODELS]

    def _model_at(self, at_ms: int | None) -> str | None:
        models = self._memory.models
        before = [model for since, model in models if since <= (at_ms or 0)]
        return before[-1] if before else models[0][1] if models else None

    def _shown(self, item: TaskItem, at_ms: int | None) -> Iterator[Event]:
        memory = self._memory
        is_first = not memory.newest_ms
        is_newest = (at_ms or 0) >= memory.newest_ms
        if is_newest and (at_ms or 0) > memory.newest_ms:
            memory.newest_ms = at_ms or 0
            yield from self._answered()

        is_task = is_first and item.say == "text"
        if (item.say in _PROMPTS or is_task) and not item.partial:
            words = text_of(item.text) or ""
            yield PromptGiven(chars=len(words), key=f"{self._session_id}:{at_ms}")
        elif item.say == "api_req_started":
            yield from self._requested(item, at_ms, is_newest=is_newest)
        elif item.say == "condense_context" and not item.partial:
            yield Compacted()
        elif item.ask and is_newest and not item.partial:
            yield from self._asked(item, at_ms)

    def _answered(self) -> Iterator[Event]:
        """Yield that what was asked before has an answer: a message follows it."""
        asking, self._memory.asking = self._memory.asking, ""
        if asking == _PERMISSION:
            yield ApprovalAnswered()
        elif asking:
            yield ToolReturned(call_id=asking)

    def _asked(self, item: TaskItem, at_ms: int | None) -> Iterator[Event]:
        if item.ask in _PERMISSIONS and self._shows_waits:
            self._memory.asking = _PERMISSION
            yield ApprovalRequested(tool=item.ask)
        elif item.ask == "followup":
            self._memory.asking = f"{self._session_id}:{at_ms}"
            yield ToolCalled(call_id=self._memory.asking, tool=QUESTION)
        elif item.ask == "api_req_failed":
            yield ApiFailed(trouble=Trouble.API_ERROR)
        elif item.ask in _RESTS:
            yield TurnEnded()

    def _requested(
        self, item: TaskItem, at_ms: int | None, *, is_newest: bool
    ) -> Iterator[Event]:
        words = text_of(item.text)
        request = None if words is None else decode(words.encode(), _REQUEST)
        if request is None:
            return

        if is_newest:
            yield MessageWritten()

        if request.tokens_in is not None or request.tokens_out is not None:
            named = None if item.model_info is None else item.model_info.model_id
            yield UsageReported(
                response=f"{self._session_id}:{at_ms}",
                model=named or self._model_at(at_ms),
                tokens=Tokens(
                    input=request.tokens_in or 0,
                    cache_read=request.cache_reads,
                    output=request.tokens_out or 0,
                ),
                cache_write_flat=request.cache_writes,
                stated_micros=micros_of(request.cost),
            )

        if is_newest and request.cancel_reason:
            yield Interrupted(reason=request.cancel_reason)


def spoken(text: bytes) -> Said | None:
    """Return the message in the element *text*; None if it has no words."""
    item = decode(text, _DECODER)
    if item is None or item.partial or item.say not in _WORDS:
        return None

    words = text_of(item.text) or ""
    role = Role.USER if item.say in _PROMPTS else Role.ASSISTANT
    if not words.strip():
        return None

    return Said(role=role, content=words, at_ms=unix_ms(item.ts))


def _content_of(item: TaskItem) -> str:
    if isinstance(item.content, str):
        return item.content

    texts = (text_of(each.text) for each in item.content if each.type == "text")
    return "\n".join(each for each in texts if each)


def _speaker(item: TaskItem) -> Speaker | None:
    if item.say in _PROMPTS:
        return Speaker.USER

    return Speaker.ASSISTANT if item.say == "text" else None
