"""A consumer of a source that counts as a block does: by items, each of them once."""

from dataclasses import dataclass, field

from jarvisd.base.clock import SystemClock
from jarvisd.core.source import Batch, Budget, Fault, Source
from tests.support import eventually

ENOUGH = 100_000


class SteppedClock:
    """Time that moves when the test says so."""

    def __init__(self, unix_ms: int = 1_800_000_000_000) -> None:
        self.now = 1000.0
        self.started_ms = unix_ms

    def monotonic(self) -> float:
        return self.now

    def unix_ms(self) -> int:
        return self.started_ms + round((self.now - 1000.0) * 1000)

    async def sleep_until(self, deadline: float) -> None:
        raise AssertionError("sources do not sleep")


@dataclass(slots=True)
class Counted:
    """What the items of one source came to."""

    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    """All that was told of each item, by its key; the last one counts."""
    order: list[str] = field(default_factory=list)
    items: int = 0
    chars: int = 0
    removed: int = 0
    gone: bool = False
    fault: Fault | None = None
    retry_s: float | None = None

    def apply(self, batch: Batch) -> None:
        for each in batch.items:
            key = each.ref.key
            if each.replaces is None:
                assert key not in self.bodies, f"{key} is counted twice"
                self.items += 1
                self.bodies[key] = []
            else:
                assert each.replaces.key in self.bodies, f"{key} replaces nothing"

            self.bodies[key].append(each.body)
            self.order.append(key)
            self.chars += each.chars - each.replaced_chars

        self.removed += batch.removed
        self.gone, self.fault, self.retry_s = batch.gone, batch.fault, batch.retry_s

    @property
    def last(self) -> dict[str, bytes]:
        """Return the newest text of each item."""
        return {key: bodies[-1] for key, bodies in self.bodies.items()}


def drain(source: Source, counted: Counted, budget: Budget | None = None) -> Counted:
    """Apply all that *source* has to read now."""
    for _ in range(ENOUGH):
        batch = source.read(budget or Budget())
        counted.apply(batch)
        source.applied(batch)
        if not batch.more:
            return counted

    raise AssertionError("the source never ends")


async def until(source: Source, counted: Counted, condition: object) -> None:
    """Read *source* again and again until *condition* returns True."""

    def done() -> bool:
        drain(source, counted)
        return bool(condition())  # type: ignore[operator]

    await eventually(done)


CLOCK = SystemClock()
