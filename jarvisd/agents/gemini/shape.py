"""The shapes of Gemini CLI: of one line, and of the documents of older versions.

A message is the same in both. Fields that other lines use for something else are Raw.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import TokenCount
from jarvisd.core.origin import SessionId
from jarvisd.core.sources.document.description import DocumentKind, Elements, named_by


class GeminiTokens(Struct, gc=False):
    """Token counts of a response: *input* holds *cached*, *output* no *thoughts*."""

    input: TokenCount | None = None
    output: TokenCount | None = None
    cached: TokenCount | None = None
    thoughts: TokenCount | None = None
    tool: TokenCount | None = None
    total: TokenCount | None = None


class FunctionText(Struct, gc=False):
    """What a tool returned to the model."""

    output: Raw = ABSENT
    error: Raw = ABSENT


class FunctionResponse(Struct, gc=False):
    """The result of a tool, as the model gets it."""

    response: FunctionText | None = None


class GeminiPart(Struct, gc=False, rename="camel"):
    """One part of a message or of a result."""

    text: Raw = ABSENT
    thought: bool | None = None
    function_response: FunctionResponse | None = None


Content = str | GeminiPart | tuple[GeminiPart | str, ...]


class GeminiCall(Struct, gc=False, rename="camel"):
    """A tool call, which is written when it has ended."""

    id: str = ""
    name: str = ""
    status: str = ""
    timestamp: str | None = None
    display_name: str | None = None
    args: Raw = ABSENT
    result: GeminiPart | tuple[GeminiPart, ...] | str | None = None


class GeminiMessage(Struct, gc=False, rename="camel"):
    """A message: of the user, of the model, or a notice of the program."""

    id: str | None = None
    timestamp: str | None = None
    type: str = ""
    content: Content | None = None
    display_content: Content | None = None
    model: str | None = None
    tokens: GeminiTokens | None = None
    tool_calls: tuple[GeminiCall, ...] = ()


class GeminiUpdate(Struct, gc=False, rename="camel"):
    """Fields of the session that are replaced; *messages* are the whole conversation."""

    session_id: SessionId | None = None
    last_updated: str | None = None
    summary: str | None = None
    directories: tuple[str, ...] = ()
    messages: tuple[GeminiMessage, ...] = ()


class GeminiLine(GeminiMessage, gc=False, rename="camel"):
    """One line: a message, the header of the session, or a patch of either."""

    session_id: SessionId | None = None
    start_time: str | None = None
    kind: str | None = None
    directories: tuple[str, ...] = ()
    summary: str | None = None
    update: GeminiUpdate | None = field(default=None, name="$set")
    rewind_to: str | None = field(default=None, name="$rewindTo")


class GeminiDocument(Struct, gc=False):
    """A session of an older version, rewritten whole."""

    sessionId: Raw = ABSENT
    startTime: Raw = ABSENT
    kind: Raw = ABSENT
    directories: Raw = ABSENT
    summary: Raw = ABSENT
    messages: list[Raw] = []


_BY_ID = named_by("id")


def _elements(document: GeminiDocument) -> Iterator[Elements]:
    # The header has no text of its own. Its last update is left out: it would come
    # again with each message.
    fields = {
        name: value
        for name in ("sessionId", "startTime", "kind", "directories", "summary")
        if (value := getattr(document, name)) is not ABSENT
    }
    if fields:
        yield Elements("session", [Raw(msgspec.json.encode(fields))], ["session"])

    yield Elements("message", document.messages, _BY_ID)


DOCUMENT = DocumentKind(GeminiDocument, _elements)
