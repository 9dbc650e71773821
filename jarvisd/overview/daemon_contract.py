"""What this package needs of the daemon, as the daemon's other parts are not its business."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from jarvisd.blocks.block import Block
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.storage.sqlite_connection import Unit
from jarvisd.core.wire import Backfill
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import (
    BlocksTailResult,
    ConfigReloadResult,
    SourcesList,
    SourcesListResult,
)

T = TypeVar("T")


class Daemon(Protocol):
    """The rest of the daemon, as the API sees it.

    Plain methods answer from memory within a millisecond. What waits may raise
    `StoreError`, `SourceError` or `ConfigError`, each of which becomes the answer to
    that request, or `ProtocolError` with an answer of its own.
    """

    @property
    def agents(self) -> AgentRegistry:
        """The agents that can be read."""
        ...

    @property
    def instance_id(self) -> str:
        """A word that no other run of the daemon has; it begins every cursor."""
        ...

    @property
    def started_ms(self) -> int:
        """When this run began, Unix ms."""
        ...

    @property
    def awake(self) -> tuple[int, int]:
        """Since when nothing can have been missed, and now; Unix ms."""
        ...

    @property
    def revision(self) -> int:
        """The number of flushes ever committed."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether something is not stored, or not seen as fast as it should be."""
        ...

    def backfill(self) -> Backfill:
        """Return how far the first reading of history has come."""
        ...

    def health(self) -> HealthResult:
        """Return the state of everything; clients and subscriptions are filled in here."""
        ...

    def sources(self, params: SourcesList, /) -> SourcesListResult:
        """Return where everything comes from."""
        ...

    async def sync(self) -> int:
        """Look once, read, store; return the revision that holds it all."""
        ...

    async def tail(self, block: Block, lines: int, /) -> BlocksTailResult:
        """Read the last *lines* of *block* from its source."""
        ...

    def reload(self) -> Awaitable[ConfigReloadResult]:
        """Read the configuration again."""
        ...


class ReadableStore(Protocol):
    """The store, as the API sees it."""

    async def read(self, query: Unit[T], /) -> T:
        """Return what *query* returns, given a read-only connection."""
        ...

    async def change(self, unit: Unit[None], /) -> None:
        """Run *unit* in a transaction."""
        ...
