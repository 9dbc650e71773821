"""The shapes of OpenHands: of the state of a conversation, and of one item in it.

The state has the usage of a response in three lists, and the status beside much else.
An element is what belongs together of it.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import Dollars, Duration, ExitCode, TokenCount
from jarvisd.agents.openhands.places import EVENTS, STATE, is_event
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    FolderKind,
    SessionFolderKind,
    keyed,
)


class OpenHandsLatency(Struct, gc=False):
    """How long a response took, in seconds."""

    latency: Duration | None = None
    response_id: str | None = None


class OpenHandsCost(Struct, gc=False):
    """What a response cost."""

    cost: Dollars | None = None


class OpenHandsMetrics(Struct, gc=False):
    """The responses of one use of a model: of the agent, its condenser, a subagent."""

    token_usages: list[Raw] = []
    response_latencies: Raw = ABSENT
    costs: Raw = ABSENT


class OpenHandsStats(Struct, gc=False):
    """The responses of a conversation, by what they were for."""

    usage_to_metrics: dict[str, OpenHandsMetrics] = {}


class OpenHandsResponses(Struct, gc=False):
    """The state of a conversation, as far as it has responses."""

    stats: OpenHandsStats = msgspec.field(default_factory=OpenHandsStats)


class OpenHandsStatus(Struct, gc=False, omit_defaults=True):
    """The state of a conversation, as far as it says whose turn it is."""

    execution_status: Raw = ABSENT
    confirmation_policy: Raw = ABSENT
    workspace: Raw = ABSENT


class OpenHandsUsage(Struct, gc=False):
    """Token counts. The prompt includes the cache, the completion the reasoning."""

    model: str | None = None
    prompt_tokens: TokenCount | None = None
    completion_tokens: TokenCount | None = None
    cache_read_tokens: TokenCount = 0
    cache_write_tokens: TokenCount = 0
    reasoning_tokens: TokenCount = 0
    response_id: str | None = None


class OpenHandsPart(Struct, gc=False):
    """A part of a message."""

    type: str = ""
    text: Raw = ABSENT


class OpenHandsMessage(Struct, gc=False):
    """A message to or from the model."""

    role: str = ""
    content: tuple[OpenHandsPart, ...] = ()


class OpenHandsKind(Struct, gc=False):
    """An object of which only the kind is wanted."""

    kind: str = ""
    working_dir: str | None = None


class OpenHandsMetadata(Struct, gc=False):
    """What the shell says of a command."""

    exit_code: ExitCode | None = None


class OpenHandsObservation(Struct, gc=False):
    """What a tool call came back with."""

    kind: str = ""
    is_error: bool = False
    exit_code: ExitCode | None = None
    metadata: OpenHandsMetadata | None = None


class OpenHandsItem(Struct, gc=False):
    """An event, the usage of one response, or the status of a conversation."""

    kind: str = ""
    id: str | None = None
    timestamp: str | None = None
    source: str = ""
    llm_message: OpenHandsMessage | None = None
    llm_response_id: str | None = None
    action: Raw = ABSENT
    tool_name: str = ""
    tool_call_id: str = ""
    observation: OpenHandsObservation | None = None
    code: str | None = None

    usage_id: str = ""
    usage: OpenHandsUsage | None = None
    seconds: Duration | None = None
    cost: Dollars | None = None

    execution_status: str = ""
    confirmation_policy: OpenHandsKind | None = None
    workspace: OpenHandsKind | None = None


class UsageElement(Struct, gc=False, omit_defaults=True):
    """The usage of one response, as it is handed on."""

    usage_id: str
    usage: Raw
    seconds: float | None = None
    cost: float | None = None


T = TypeVar("T")
_RESPONSE = msgspec.json.Decoder(OpenHandsLatency)
_encode = msgspec.json.Encoder().encode


def _responses(document: OpenHandsResponses) -> Iterator[Elements]:
    for usage_id, metrics in document.stats.usage_to_metrics.items():
        latencies = _list_of(metrics.response_latencies, OpenHandsLatency)
        seconds = {each.response_id: each.latency for each in latencies}
        costs = _list_of(metrics.costs, OpenHandsCost)
        usages = metrics.token_usages
        names, bodies = [], []
        for index, usage in enumerate(usages):
            response_id = _response_id(usage)
            cost = costs[index].cost if len(costs) == len(usages) else None
            element = UsageElement(usage_id, usage, seconds.get(response_id), cost)
            names.append(response_id or str(index))
            bodies.append(Raw(_encode(element)))

        yield Elements(f"usage/{usage_id}", bodies, names)


def _list_of(raw: Raw, kind: type[T]) -> list[T]:
    """Return the list that *raw* is; none if it is anything else."""
    try:
        return [] if raw is ABSENT else msgspec.json.decode(raw, type=list[kind])  # type: ignore[valid-type]
    except (ValueError, RecursionError):
        return []


def _response_id(usage: Raw) -> str | None:
    try:
        return _RESPONSE.decode(usage).response_id
    except (ValueError, RecursionError):
        return None  # it is read as far as it goes, and named by its place


def _status(document: OpenHandsStatus) -> Iterator[Elements]:
    yield keyed("state", {"status": Raw(_encode(document))})


_STATE = (
    DocumentKind(OpenHandsResponses, _responses),
    DocumentKind(OpenHandsStatus, _status, is_dated=True, order=1),
)

CONVERSATION = SessionFolderKind(
    lambda name: _STATE if name == STATE else (),
    events_folder=EVENTS,
    events=FolderKind(is_event),
)
