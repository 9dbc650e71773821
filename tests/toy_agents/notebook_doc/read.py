"""One element of a document of Notebook Doc -> what it says happened.

The header is an element, and comes again whenever the title changes. It alone names the
version, so the reader remembers it. A reply comes again while it grows.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.decode import decode_counted, text_of, unix_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    Event,
    MessageWritten,
    Outcome,
    PromptGiven,
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker
from tests.toy_agents.notebook_doc.shape import DocumentUsage, NotebookElement

_DECODER = msgspec.json.Decoder(NotebookElement)
_VERSION = msgspec.msgpack.Decoder(str | None)
_SPEAKERS = {"prompt": Speaker.USER, "reply": Speaker.ASSISTANT}
condense = condenser_of(NotebookElement)


class NotebookElementReader:
    """Reads the elements of one document.

    Attributes:
        version: That of the program, as the header named it last.

    """

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # the name of the document says whose it is
        self.version: str | None = None
        with suppress(msgspec.DecodeError):  # a memory that is damaged is none
            self.version = _VERSION.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the element *text*, or None if it is malformed."""
        element, left_out = decode_counted(text, _DECODER)
        if element is None:
            return None

        read = _EVENTS.get(element.type)
        if element.type == "session" and element.version:
            self.version = element.version

        drift = Drift(DriftKind.RECORD_TYPE, element.type)
        return Record(
            kind=element.type,
            at_ms=unix_ms(element.at),
            cwd=element.folder,
            key=element.id,
            offset=offset,
            speaker=_SPEAKERS.get(element.type),
            version=self.version,
            drift=(drift,) if read is None else (),
            lacks_tokens=element.type == "reply" and element.usage is None,
            left_out=left_out,
            events=() if read is None else tuple(read(element)),
        )

    def memory(self) -> bytes:
        """Return the version that the header named."""
        return msgspec.msgpack.encode(self.version)


def _session(element: NotebookElement) -> Iterator[Event]:
    if element.title:
        yield TitleGiven(title=element.title[:MAX_TITLE_CHARS], rank=TitleRank.AI)


def _prompt(element: NotebookElement) -> Iterator[Event]:
    yield PromptGiven(chars=len(text_of(element.text) or ""), key=element.id)


def _reply(element: NotebookElement) -> Iterator[Event]:
    stop = "end" if element.is_last else "tool_use" if element.tools else None
    yield MessageWritten(message_id=element.id, stop_reason=stop)
    for each in element.tools:
        if each.id:
            yield ToolCalled(call_id=each.id, tool=each.name, response=element.id)

    if element.usage is not None:
        yield UsageReported(
            response=element.id, model=element.model, tokens=_disjoint(element.usage)
        )


def _result(element: NotebookElement) -> Iterator[Event]:
    for each in element.tools:
        if each.id:
            outcome = Outcome.ERROR if each.error else Outcome.OK
            yield ToolReturned(call_id=each.id, outcome=outcome)


def _disjoint(usage: DocumentUsage) -> Tokens:
    return Tokens(
        input=max(0, usage.prompt - usage.cached),
        cache_read=usage.cached,
        output=usage.answer + usage.thoughts,
        reasoning=usage.thoughts,
    )


_EVENTS: dict[str, Callable[[NotebookElement], Iterator[Event]]] = {
    "session": _session,
    "prompt": _prompt,
    "reply": _reply,
    "result": _result,
}
