"""The shapes of Continue: of a document, and of one element in it.

Items have no ids: they are known by the words and calls of their messages. A fork
repeats its parent's items and begins with sums of nothing, so the items at the end whose
usage adds up to the sums are its own, and those before are marked as inherited.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import Cents, TokenCount
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    keyed,
    short_digest,
)

INHERITED = b'{"inherited":true,'


class ContinueDocument(Struct, gc=False):
    """A document: its items are handed on as they are written."""

    title: Raw = ABSENT
    workspace: Raw = msgspec.field(default=ABSENT, name="workspaceDirectory")
    history: list[Raw] = []
    usage: Raw = ABSENT


class ContinueHeader(Struct, gc=False, omit_defaults=True):
    """What is said of a session, as it is handed on."""

    title: Raw = ABSENT
    workspace: Raw = ABSENT
    totals: Raw = ABSENT


class ContinueCachedTokens(Struct, gc=False):
    """Tokens of a prompt that were read from a cache, or written to it."""

    cached_tokens: TokenCount = 0
    cache_write_tokens: TokenCount = 0


class ContinueReasoningTokens(Struct, gc=False):
    """Tokens of an output that were reasoning."""

    reasoning_tokens: TokenCount = 0


class ContinueUsage(Struct, gc=False):
    """Token counts of a response, as the provider reports them."""

    prompt_tokens: TokenCount | None = None
    completion_tokens: TokenCount | None = None
    prompt_tokens_details: ContinueCachedTokens | None = None
    completion_tokens_details: ContinueReasoningTokens | None = None
    model: str | None = None
    cost_cents: Cents | None = None


class ContinueTotals(Struct, gc=False, rename="camel"):
    """Token counts of a session, with those of its subagents and compactions."""

    prompt_tokens: TokenCount = 0
    completion_tokens: TokenCount = 0


class ContinueFunction(Struct, gc=False):
    """A tool and its input, which is JSON in a text."""

    name: str = ""
    arguments: Raw = ABSENT


class ContinueToolCall(Struct, gc=False):
    """A tool call."""

    id: str = ""
    function: ContinueFunction | None = None


class ContinueCallState(Struct, gc=False, rename="camel"):
    """How far a tool call has come."""

    tool_call_id: str = ""
    tool_call: ContinueToolCall | None = None
    status: str = ""


class ContinuePart(Struct, gc=False):
    """A part of a message."""

    type: str = ""
    text: Raw = ABSENT


class ContinueMessage(Struct, gc=False, rename="camel"):
    """A message of a person, of the agent or of the program."""

    role: str = ""
    content: tuple[ContinuePart, ...] | str = ()
    tool_calls: tuple[ContinueToolCall, ...] = ()
    usage: ContinueUsage | None = None


class ContinueItem(Struct, gc=False, rename="camel"):
    """An element: an item of the history, or what is said of the session."""

    message: ContinueMessage | None = None
    tool_call_states: tuple[ContinueCallState, ...] = ()
    conversation_summary: Raw = ABSENT
    inherited: bool = False

    title: str | None = None
    workspace: str | None = None
    totals: ContinueTotals | None = None


class NamedMessage(Struct, gc=False, rename="camel"):
    """What of a message stays as it is."""

    role: Raw = ABSENT
    content: Raw = ABSENT
    tool_calls: Raw = ABSENT
    usage: Raw = ABSENT


class NamedItem(Struct, gc=False):
    """An item, of which only its message is wanted."""

    message: NamedMessage | None = None


_ITEM = msgspec.json.Decoder(NamedItem)
_USAGE = msgspec.json.Decoder(ContinueUsage)
_TOTALS = msgspec.json.Decoder(ContinueTotals)
_encode = msgspec.json.Encoder().encode


def _elements(document: ContinueDocument) -> Iterator[Elements]:
    header = ContinueHeader(title=document.title, workspace=document.workspace)
    yield keyed("session", {"title": Raw(_encode(header))})

    messages = [_message_of(each) for each in document.history]
    names = [_name_of(*each) for each in enumerate(messages)]
    bodies = list(document.history)
    for index in range(_inherited(messages, document.usage)):
        body = bytes(bodies[index])
        if body[:1] == b"{" and body[1:].strip() != b"}":
            bodies[index] = Raw(INHERITED + body[1:])

    yield Elements("item", bodies, names)
    if document.usage is not ABSENT:
        totals = ContinueHeader(totals=document.usage)
        yield keyed("session", {"totals": Raw(_encode(totals))})


def _message_of(item: Raw) -> NamedMessage:
    try:
        return _ITEM.decode(item).message or NamedMessage()
    except (ValueError, RecursionError):
        return NamedMessage()


def _name_of(index: int, message: NamedMessage) -> str:
    parts = (message.role, message.content, message.tool_calls)
    if all(each is ABSENT for each in parts):
        return str(index)

    return short_digest(b"\0".join(map(bytes, parts)))


def _inherited(messages: list[NamedMessage], totals: Raw) -> int:
    """Return how many items a fork has of its parent: none where the sums hold all."""
    try:
        left = None if totals is ABSENT else _TOTALS.decode(totals)
    except (ValueError, RecursionError):
        return 0

    if left is None:
        return 0

    prompt, completion = left.prompt_tokens, left.completion_tokens
    for index in range(len(messages) - 1, -1, -1):
        usage = _usage_of(messages[index])
        if usage is None:
            continue

        prompt -= usage.prompt_tokens or 0
        completion -= usage.completion_tokens or 0
        if prompt < 0 or completion < 0:
            return index + 1

    return 0


def _usage_of(message: NamedMessage) -> ContinueUsage | None:
    try:
        return None if message.usage is ABSENT else _USAGE.decode(message.usage)
    except (ValueError, RecursionError):
        return None


SESSION = DocumentKind(ContinueDocument, _elements, is_dated=True)
