"""What this package and the socket need of the rest of the daemon."""

from collections.abc import Awaitable
from typing import Protocol

from jarvisd.blocks.block import Block
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.wire import Backfill
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import (
    BlocksTailResult,
    ConfigReloadResult,
    SourcesList,
    SourcesListResult,
)


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
