"""How it goes with one sink, in a line."""

from collections.abc import Iterator

from jarvisd.cli.output import format as fmt
from jarvisd.sinks.wire import SinkHealth


def described(sink: SinkHealth, now_ms: int) -> str:
    """Return the lines about each sink: records delivered, records waiting, errors."""
    return f"{sink.name} ({sink.kind}): {', '.join(_parts(sink, now_ms))}"


def _parts(sink: SinkHealth, now_ms: int) -> Iterator[str]:
    yield f"{sink.delivered:,} delivered"
    if not sink.waiting:
        yield "none waiting"
    else:
        oldest = fmt.moment(sink.oldest_ms, now_ms)
        yield f"{sink.waiting:,} waiting, the oldest of {oldest}"

    if sink.dropped:
        yield f"{sink.dropped:,} dropped"

    if sink.error is not None:
        since_ms = sink.failing_since_ms or now_ms
        failing = fmt.duration((now_ms - since_ms) / fmt.MS_PER_S)
        yield f"failing for {failing}: {sink.error}"
