"""What a sink is to the lane that feeds it."""

from collections.abc import Sequence
from typing import Literal, Protocol

from jarvisd.sinks.store import Waiting

SinkKind = Literal["jsonl", "posthog"]


class Sink(Protocol):
    """Takes records. It is called on a thread, never twice at a time, and may block."""

    @property
    def name(self) -> str:
        """The name in the configuration, and in the outbox."""
        ...

    @property
    def kind(self) -> SinkKind:
        """What it is."""
        ...

    @property
    def max_waiting(self) -> int:
        """How many records may wait; beyond that the oldest are dropped."""
        ...

    def deliver(self, records: Sequence[Waiting]) -> None:
        """Deliver all of *records*, or raise SinkError with some perhaps delivered."""
        ...
