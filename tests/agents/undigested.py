"""Calls without their digests, for tests of everything else about them."""

from collections.abc import Iterable

from msgspec.structs import replace

from jarvisd.core.event import Event, ToolCalled


def undigested(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return *events*, the calls among them as if no digest had been taken."""
    return tuple(
        replace(each, digest=0) if isinstance(each, ToolCalled) else each
        for each in events
    )
