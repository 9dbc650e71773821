"""Counters that grow, as the responses that they grew by.

Hermes adds each response to the counters of its model and writes the answer in the same
transaction, so whoever looks after each answer knows what that took. Of several answers
between two looks, and of all that there were before the first, only the sum is known:
it is spread evenly over them.
"""

from collections.abc import Iterator

from msgspec import Struct

from jarvisd.agents.hermes.shape import HermesRow
from jarvisd.base.usage import Tokens
from jarvisd.core.event import UsageReported

MAX_PENDING = 2_048
"""Answers that wait for their counters: of older ones only the sum is counted."""

MAX_REQUESTS = 1_000
"""Responses that one change of counters is spread over, at most."""

_SLACK_MS = 2_000
"""How much later than its counters an answer may be dated; 6 ms were seen."""

_MICROS = 1_000_000


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """An answer whose counters were not seen so far: its number, and when it was."""

    number: int
    at_ms: int


class Counters(Struct, array_like=True, gc=False):
    """The sums of one model as they were seen last."""

    requests: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    micros: int = 0


def sums_of(row: HermesRow) -> Counters:
    """Return the sums in a row of counters; a cost that was billed before an estimate."""
    return Counters(
        row.requests,
        row.input,
        row.output,
        row.cache_read,
        row.cache_write,
        row.reasoning,
        round((row.actual or row.estimated) * _MICROS),
    )


def responses_of(
    row: HermesRow, before: Counters, pending: list[Answer]
) -> Iterator[UsageReported]:
    """Yield the responses that counters grew by since *before*.

    Answers that these are of are taken from *pending*.
    """
    now = sums_of(row)
    if now.requests < before.requests or now.input < before.input:
        before = Counters()  # the session was begun again

    grown = max(0, now.requests - before.requests)
    if grown == 0 and now == before:
        return

    names = _named(row, before.requests, grown, pending)
    count = len(names)
    for index, name in enumerate(names):

        def share(total: int, index: int = index) -> int:
            return total * (index + 1) // count - total * index // count

        input_, output = now.input - before.input, now.output - before.output
        micros = share(max(0, now.micros - before.micros))
        yield UsageReported(
            response=name,
            model=row.model,
            tokens=Tokens(
                input=share(max(0, input_)),
                cache_read=share(max(0, now.cache_read - before.cache_read)),
                cache_write_5m=share(max(0, now.cache_write - before.cache_write)),
                output=share(max(0, output)),
                reasoning=share(max(0, now.reasoning - before.reasoning)),
            ),
            in_context=count == 1 and row.task == "",
            stated_micros=micros or None,
        )


def answer_key(session: str | None, number: int | None) -> str:
    """Return the key of the response that an answer is."""
    return f"{session}:{number}"


def _named(row: HermesRow, known: int, grown: int, pending: list[Answer]) -> list[str]:
    """Return the keys of as many responses as counters grew by; at least of one."""
    names: list[str] = []
    if row.task == "":
        first_ms, last_ms = (row.first or 0) * 1000, (row.at or 0) * 1000
        fitting = (
            [
                each
                for each in pending
                if first_ms - _SLACK_MS <= each.at_ms <= last_ms + _SLACK_MS
            ][-grown:]
            if grown
            else []
        )
        for each in fitting:
            pending.remove(each)

        names = [answer_key(row.session, each.number) for each in fitting]

    wanted = min(max(grown, 1), MAX_REQUESTS)
    further = range(known + len(names), known + wanted)
    return names + [
        f"{row.session}:{row.key}:{row.task}:{number}" for number in further
    ]
