"""Lines of any agent, but for what happened in them: when, where, and whose.

For blocks whose lines are only counted, and taken in many at a time for that. What is
malformed is the same as for the agent's own parser: whatever is no JSON object.
"""

from collections.abc import Callable, Sequence
from itertools import repeat

import msgspec

from jarvisd.agents.decode import decode, unix_ms
from jarvisd.model.block import SessionId


class Outline(msgspec.Struct, frozen=True):
    """What some lines of one file say together.

    Attributes:
        times: The earliest and the latest time that is told, Unix ms; or none.
        session_id: The first that is named.
        cwds: The working folders that are named first and last; or none.
        others: The indices of those lines that are no record.

    """

    times: tuple[int, ...] = ()
    session_id: SessionId | None = None
    cwds: tuple[str, ...] = ()
    others: frozenset[int] = frozenset()


Outlined = Callable[[Sequence[bytes]], Outline]
"""lines, without their ends -> what they say together."""


class _Payload(msgspec.Struct, gc=False):
    cwd: str | None = None


class _Line(msgspec.Struct, gc=False):
    timestamp: str | float | None = None
    cwd: str | None = None
    session_id: SessionId | None = msgspec.field(default=None, name="sessionId")
    payload: _Payload | None = None


_DECODER = msgspec.json.Decoder(_Line)


def of_objects(texts: Sequence[bytes]) -> Outline:
    """Return what lines say that should be JSON objects."""
    found, others = _decoded(texts)
    return Outline(
        times=_ends([each.timestamp for each in found if each.timestamp is not None]),
        session_id=next((s for each in found if (s := each.session_id)), None),
        cwds=_first_and_last(found),
        others=others,
    )


def of_text(texts: Sequence[bytes]) -> Outline:
    """Return what plain lines say: nothing, and blank ones are no records."""
    others = (index for index, text in enumerate(texts) if not text.strip())
    return Outline(others=frozenset(others))


def _decoded(texts: Sequence[bytes]) -> tuple[list[_Line], frozenset[int]]:
    """Return what is an object, and the indices of what is none."""
    try:
        return list(map(_DECODER.decode, texts)), frozenset()
    except (ValueError, RecursionError):
        lines = [decode(text, _DECODER) for text in texts]

    others = frozenset(index for index, line in enumerate(lines) if line is None)
    return [line for line in lines if line is not None], others


def _first_and_last(lines: list[_Line]) -> tuple[str, ...]:
    first = next(filter(None, map(_cwd, lines)), None)
    last = next(filter(None, map(_cwd, reversed(lines))), None)
    return (first, last) if first and last else ()


def _cwd(line: _Line) -> str | None:
    return line.cwd or (line.payload and line.payload.cwd) or None


def _ends(stamps: list[str | float]) -> tuple[int, ...]:
    """Return the earliest and the latest time that *stamps* tell, if any does."""
    texts = [each for each in stamps if isinstance(each, str)]
    if len(texts) == len(stamps) and _are_alike(texts):
        first, last = unix_ms(min(texts)), unix_ms(max(texts))
        if first is not None and last is not None:
            return first, last

    times = [at_ms for each in stamps if (at_ms := unix_ms(each)) is not None]
    return (min(times), max(times)) if times else ()


def _are_alike(stamps: list[str]) -> bool:
    """Say whether all read 2026-11-21T02:51:23.962Z, whose order is that in time."""
    is_as_long = set(map(len, stamps)) == {24}
    return is_as_long and all(map(str.endswith, stamps, repeat("Z")))
