"""The features by name, in the order in which they are asked and written; their stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from jarvisd.base.clock import Clock
from jarvisd.blocks.engine import BlockCounts
from jarvisd.blocks.store import unread_blocks, write_blocks
from jarvisd.config import ConversationSettings
from jarvisd.conversations.messages_store import record, run_apart
from jarvisd.conversations.model import ConversationLimits
from jarvisd.conversations.recording import MessageRecorder
from jarvisd.core.feature import Change, Feature, FeatureStore
from jarvisd.core.storage.database_store import Store, open_database
from jarvisd.ledger.flush_store import Rules, write_books
from jarvisd.overview.sessions import Sessions
from jarvisd.reports.attention_store import write_awake
from jarvisd.reports.awake import Awake
from jarvisd.segments.store import write_closings
from jarvisd.sinks.store import enqueue
from jarvisd.state.journal import Journal
from jarvisd.state.store import write_transitions


def build_features(
    sessions: Sessions,
    journal: Journal,
    *,
    recorder: MessageRecorder | None = None,
    awake: Awake | None = None,
) -> dict[str, Feature]:
    """Return the features in the order in which a transaction is made of them.

    A block is bound to its session once it is counted, before its ledger's changes are.
    Segments are written behind the sessions that have closed them.
    """
    features: dict[str, Feature | None] = {
        "blocks": BlockCounts(sessions.blocks),
        "sessions": sessions,
        "ledger": sessions.ledger,
        "segments": sessions.segments,
        "states": sessions.states,
        "transitions": journal,
        "conversations": recorder,
        "awake": awake,
    }
    return {name: each for name, each in features.items() if each is not None}


def conversation_limits(settings: ConversationSettings) -> ConversationLimits:
    """Return the maximum age and size of a conversation as they are configured."""
    return ConversationLimits(
        max_age_hours=settings.max_age_hours, threshold=settings.consolidation_threshold
    )


def feature_stores(
    rules: Rules | None = None, limits: ConversationLimits | None = None
) -> dict[str, FeatureStore]:
    """Return the stores of all features.

    *rules* say how contested rows of the ledger are settled, *limits* how long and
    large a recorded conversation may grow.

    No cursor is stored without what was taken up to it, and none of the transitions
    without the cursors behind which they lie. A segment is closed in the transaction
    that stores its session without it.
    """
    return {
        "blocks": FeatureStore(
            write_blocks,
            moved=unread_blocks,
            needs=frozenset({"ledger", "conversations"}),
        ),
        "ledger": FeatureStore(
            partial(write_books, rules=rules),
            moved=_nothing,
            needs=frozenset({"segments"}),
        ),
        "segments": FeatureStore(
            partial(write_closings, enqueue=enqueue),
            moved=_nothing,
            needs=frozenset({"ledger"}),
        ),
        "conversations": FeatureStore(
            partial(
                record, limits=limits or conversation_limits(ConversationSettings())
            )
        ),
        "transitions": FeatureStore(write_transitions, needs=frozenset({"blocks"})),
        "awake": FeatureStore(write_awake),
    }


@asynccontextmanager
async def open_store(
    path: Path,
    *,
    clock: Clock,
    rules: Rules | None = None,
    limits: ConversationLimits | None = None,
) -> AsyncIterator[Store]:
    """Open the database of all features at *path*; see `open_database`."""
    stores = feature_stores(rules, limits)
    async with open_database(
        path, clock=clock, stores=stores, run_units=run_apart
    ) as store:
        yield store


def _nothing(_: Change) -> None:
    """Write nothing: what the books have is merged with rows of the database before."""
