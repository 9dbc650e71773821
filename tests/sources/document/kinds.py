"""Documents of real agents, described as their folders would."""

from typing import Any

import msgspec

from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    FolderKind,
    keyed,
    named_by,
    numbered,
)

Raws = list[msgspec.Raw]


class ClineMessages(msgspec.Struct):
    messages: Raws = []


class ContinueSession(msgspec.Struct):
    history: Raws = []
    usage: msgspec.Raw = msgspec.Raw()


class MiniTrajectory(msgspec.Struct):
    messages: Raws = []


class OpenHandsMetrics(msgspec.Struct):
    token_usages: Raws = []


class OpenHandsStats(msgspec.Struct):
    usage_to_metrics: dict[str, OpenHandsMetrics] = {}


class OpenHandsState(msgspec.Struct):
    stats: OpenHandsStats = msgspec.field(default_factory=OpenHandsStats)
    execution_status: msgspec.Raw = msgspec.Raw()


class AmpThread(msgspec.Struct):
    messages: Raws = []
    usageLedger: dict[str, Raws] = {}  # noqa: N815 - as the agent writes it


CLINE = DocumentKind(
    ClineMessages, lambda doc: [Elements("message", doc.messages, named_by("id"))]
)
CONTINUE = DocumentKind(
    ContinueSession,
    lambda doc: [
        Elements("item", doc.history, numbered("message.role", "message.content")),
        keyed("total", {"usage": doc.usage} if bytes(doc.usage) else {}),
    ],
)
CONTINUE_INDEX = DocumentKind(
    Raws, lambda rows: [Elements("session", rows, named_by("sessionId"))]
)
MINI = DocumentKind(
    MiniTrajectory,
    lambda doc: [
        Elements("message", doc.messages, named_by("extra.response.id")),
    ],
)
GEMINI = DocumentKind(
    ClineMessages, lambda doc: [Elements("message", doc.messages, named_by("id"))]
)
AMP = DocumentKind(
    AmpThread,
    lambda doc: [
        Elements("ledger", doc.usageLedger.get("events", []), named_by("id")),
        Elements("message", doc.messages, named_by("messageId")),
    ],
)


def openhands(state: Any) -> list[Elements]:
    groups = [
        Elements(f"usage/{name}", each.token_usages, named_by("response_id"))
        for name, each in state.stats.usage_to_metrics.items()
    ]
    return [*groups, keyed("state", {"status": state.execution_status})]


OPENHANDS = DocumentKind(OpenHandsState, openhands)
OPENHANDS_EVENTS = FolderKind(
    lambda name: name.startswith("event-") and name.endswith(".json")
)
