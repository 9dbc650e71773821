"""All methods by name."""

import msgspec

from jarvisd.base.wire_types import Done, Params, Result
from jarvisd.budgets.wire import BUDGET_METHODS
from jarvisd.conversations.wire import CONVERSATION_METHODS
from jarvisd.core.origin import BlockView
from jarvisd.core.wire import (
    PushClose,
    PushLines,
    PushLinesResult,
    PushOpen,
    PushOpenResult,
)
from jarvisd.overview.health_wire import Health, HealthResult
from jarvisd.overview.model import SessionView
from jarvisd.overview.names_wire import NAME_METHODS
from jarvisd.overview.wire import (
    BlocksGet,
    BlocksList,
    BlocksListResult,
    BlocksTail,
    BlocksTailResult,
    ConfigReload,
    ConfigReloadResult,
    Line,
    LineResult,
    SessionsGet,
    SessionsList,
    SessionsListResult,
    SessionsPrompts,
    SessionsPromptsResult,
    SourcesList,
    SourcesListResult,
    Status,
    StatusResult,
    Sync,
    SyncResult,
)
from jarvisd.presence.wire import Hook, StatusLine, StatusLineResult
from jarvisd.pricing.wire import PRICE_METHODS
from jarvisd.reports.attention_wire import ATTENTION_METHODS
from jarvisd.reports.wire import (
    AttributionImport,
    AttributionImportResult,
    ReportTools,
    ReportToolsResult,
    ReportUsage,
    ReportUsageResult,
    ReportWindows,
    ReportWindowsResult,
    SessionsExplain,
    SessionsExplainResult,
)
from jarvisd.rpc.client_wire import (
    Discover,
    Event,
    Hello,
    HelloResult,
    Ping,
    Resync,
    Subscribe,
    SubscribeResult,
    Unsubscribe,
)
from jarvisd.segments.wire import SEGMENT_METHODS
from jarvisd.state.wire import STATE_METHODS

NOTIFICATIONS: dict[str, type[msgspec.Struct]] = {
    "event": Event,
    "resync": Resync,
    "ping": Ping,
}
"""What a subscriber is sent without asking, by name."""

METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "hello": (Hello, HelloResult),
    "rpc.discover": (Discover, Result),
    "health": (Health, HealthResult),
    "sync": (Sync, SyncResult),
    "status": (Status, StatusResult),
    "line": (Line, LineResult),
    "blocks.list": (BlocksList, BlocksListResult),
    "blocks.get": (BlocksGet, BlockView),
    "blocks.tail": (BlocksTail, BlocksTailResult),
    "sessions.list": (SessionsList, SessionsListResult),
    "sessions.get": (SessionsGet, SessionView),
    "sessions.prompts": (SessionsPrompts, SessionsPromptsResult),
    "sources.list": (SourcesList, SourcesListResult),
    "push.open": (PushOpen, PushOpenResult),
    "push.lines": (PushLines, PushLinesResult),
    "push.close": (PushClose, BlockView),
    "subscribe": (Subscribe, SubscribeResult),
    "unsubscribe": (Unsubscribe, Done),
    "config.reload": (ConfigReload, ConfigReloadResult),
    "report.usage": (ReportUsage, ReportUsageResult),
    "report.windows": (ReportWindows, ReportWindowsResult),
    "report.tools": (ReportTools, ReportToolsResult),
    "attribution.import": (AttributionImport, AttributionImportResult),
    "sessions.explain": (SessionsExplain, SessionsExplainResult),
    **STATE_METHODS,
    **ATTENTION_METHODS,
    **BUDGET_METHODS,
    **PRICE_METHODS,
    "hook": (Hook, Done),
    "statusline": (StatusLine, StatusLineResult),
    **SEGMENT_METHODS,
    **CONVERSATION_METHODS,
    **NAME_METHODS,
}
"""Every method by name; the dispatcher, the client and OpenRPC read this table."""
