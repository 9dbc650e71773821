"""The contract between a sink and its delivery loop."""

from collections.abc import Sequence
from typing import Protocol

from jarvisd.sinks.store import QueuedRecord
from jarvisd.sinks.wire import SinkKind


class Sink(Protocol):
    """Receives records on a thread, one call at a time; may block."""

    @property
    def name(self) -> str:
        """The name in the configuration, and in the outbox."""
        ...

    @property
    def kind(self) -> SinkKind:
        """The type of the sink in the configuration."""
        ...

    @property
    def max_waiting(self) -> int:
        """The number of records that may wait; beyond it the oldest are dropped."""
        ...

    def deliver(self, records: Sequence[QueuedRecord]) -> None:
        """Deliver all *records*, or raise SinkError after maybe delivering some."""
        ...
