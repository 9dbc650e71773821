"""The shapes of mini-swe-agent: of a trajectory, and of one element in it.

A run is a session of its own, called by its first response: its time and its id. Until
there is one a trajectory has nothing. Messages without a time get that of the message
before, the first ones that of the first response.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import Dollars, ExitCode, Time, TokenCount
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    keyed,
    short_digest,
)


class MiniTrajectory(Struct, gc=False):
    """A trajectory: its messages are handed on as they are written."""

    info: Raw = ABSENT
    messages: list[Raw] = []


class MiniCachedTokens(Struct, gc=False):
    """Tokens of a prompt that were read from a cache, or written to it."""

    cached_tokens: TokenCount | None = None
    cache_creation_tokens: TokenCount | None = None


class MiniReasoningTokens(Struct, gc=False):
    """Tokens of an output that were reasoning."""

    reasoning_tokens: TokenCount | None = None


class MiniUsage(Struct, gc=False):
    """Token counts of a response, as litellm reports them."""

    prompt_tokens: TokenCount | None = None
    completion_tokens: TokenCount | None = None
    cache_read_input_tokens: TokenCount | None = None
    cache_creation_input_tokens: TokenCount | None = None
    prompt_tokens_details: MiniCachedTokens | None = None
    completion_tokens_details: MiniReasoningTokens | None = None


class MiniResponse(Struct, gc=False):
    """A response of a model."""

    id: str | None = None
    model: str | None = None
    usage: MiniUsage | None = None


class MiniExtra(Struct, gc=False):
    """What mini notes of a message."""

    timestamp: Time | None = None
    response: MiniResponse | None = None
    cost: Dollars | None = None
    returncode: ExitCode | None = None
    exception_info: str = ""
    exit_status: str = ""
    interrupt_type: str = ""


class MiniFunction(Struct, gc=False):
    """A tool and its input, which is JSON in a text."""

    name: str = ""
    arguments: Raw = ABSENT


class MiniCall(Struct, gc=False):
    """A tool call."""

    id: str = ""
    function: MiniFunction | None = None


class MiniPart(Struct, gc=False):
    """A part of a message."""

    type: str = ""
    text: Raw = ABSENT


class MiniItem(Struct, gc=False):
    """An element: a message, or what is said of the run."""

    role: str = ""
    content: tuple[MiniPart, ...] | str | None = None
    tool_calls: tuple[MiniCall, ...] | None = None
    tool_call_id: str = ""
    extra: MiniExtra | None = None
    written_at: Time | None = None

    run: str | None = None
    version: str | None = None
    mode: str | None = None
    cwd: str | None = None


class MiniRun(Struct, gc=False, omit_defaults=True):
    """What is said of a run, as it is handed on."""

    run: str
    version: str | None = None
    mode: str | None = None
    cwd: str | None = None


class MiniModes(Struct, gc=False):
    """The settings of the agent in a run."""

    mode: str | None = None


class MiniEnvironment(Struct, gc=False):
    """Where commands run."""

    cwd: str | None = None


class MiniConfig(Struct, gc=False):
    """The settings of a run."""

    agent: MiniModes | None = None
    environment: MiniEnvironment | None = None


class MiniInfo(Struct, gc=False):
    """What a trajectory says of its run."""

    mini_version: str | None = None
    config: MiniConfig | None = None


class MiniStamp(Struct, gc=False):
    """A message, of which only its role, time and response are wanted."""

    role: str = ""
    extra: MiniExtra | None = None


_STAMP = msgspec.json.Decoder(MiniStamp)
_INFO = msgspec.json.Decoder(MiniInfo)
_encode = msgspec.json.Encoder().encode


def _elements(document: MiniTrajectory) -> Iterator[Elements]:
    stamps = [_stamp_of(each) for each in document.messages]
    run = next(filter(None, map(_run_of, stamps)), None)
    if run is None:
        return

    yield keyed("run", {"run": Raw(_encode(_header(run, document.info)))}, run)
    at = next(filter(None, map(_time_of, stamps)), None)
    names, bodies = [], []
    for index, (body, stamp) in enumerate(zip(document.messages, stamps, strict=True)):
        own = _time_of(stamp)
        at = own or at
        # A run only adds messages: none ever stands at another index.
        names.append(f"{index}:{stamp.role}")
        bodies.append(_with_time(body, at) if own is None else body)

    yield Elements("message", bodies, names, run)


def _stamp_of(message: Raw) -> MiniStamp:
    try:
        return _STAMP.decode(message)
    except (ValueError, RecursionError):
        return MiniStamp()


def _time_of(stamp: MiniStamp) -> float | None:
    return None if stamp.extra is None else stamp.extra.timestamp


def _run_of(stamp: MiniStamp) -> str | None:
    """Return the id of a run whose first response is *stamp*; None if it is none."""
    at = _time_of(stamp)
    response = None if stamp.extra is None else stamp.extra.response
    if response is None or not response.id or at is None:
        return None

    try:
        moment = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None

    return f"{moment:%Y%m%dT%H%M%S}-{short_digest(response.id.encode())}"


def _header(run: str, info: Raw) -> MiniRun:
    try:
        found = MiniInfo() if info is ABSENT else _INFO.decode(info)
    except (ValueError, RecursionError):
        found = MiniInfo()

    config = found.config or MiniConfig()
    return MiniRun(
        run,
        found.mini_version,
        None if config.agent is None else config.agent.mode,
        None if config.environment is None else config.environment.cwd or None,
    )


def _with_time(body: Raw, at: float | None) -> Raw:
    """Return the message *body* with the time *at*."""
    text = bytes(body)
    if at is None or text[:1] != b"{" or text[1:].strip() == b"}":
        return body

    return Raw(b'{"written_at":%s,' % repr(at).encode() + text[1:])


TRAJECTORY = DocumentKind(MiniTrajectory, _elements)
