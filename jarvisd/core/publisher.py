"""The one publisher: notices are values, given to their consumers in a written order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

log = structlog.get_logger()

Publish = Callable[[NamedTuple], None]
"""Gives a notice to all who consume its type."""

Consumer = Callable[[Any], None]
"""Called between awaits with each notice of a type; must be cheap."""


class Flushed(NamedTuple):
    """A flush is committed."""

    revision: int


class TreesChanged(NamedTuple):
    """Other trees are looked through from now on."""


def ignore(_: NamedTuple) -> None:
    """Publish to nobody."""


class Publisher:
    """Gives each notice to the consumers of its type, one after the other.

    A bulkhead: a consumer that fails is logged, and the next one is called.
    """

    def __init__(self) -> None:
        self._consumers: Mapping[type[NamedTuple], Sequence[Consumer]] = {}

    def connect(self, consumers: Mapping[type[NamedTuple], Sequence[Consumer]]) -> None:
        """Pass notices to *consumers* from now on, in their order."""
        self._consumers = consumers

    def publish(self, notice: NamedTuple) -> None:
        """Pass *notice* to its consumers."""
        for consumer in self._consumers.get(type(notice), ()):
            try:
                consumer(notice)
            except Exception:
                log.exception("consumer.crashed", notice=type(notice).__name__)
