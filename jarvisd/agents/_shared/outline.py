"""Lines of any agent, but for what happened in them: when, where, and whose.

For blocks whose lines are only counted, and taken in many at a time for that. What is
malformed is the same as for the agent's own parser: whatever is no JSON object.
"""

from collections.abc import Sequence
from itertools import repeat

import msgspec

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.core.origin import SessionId
from jarvisd.core.sources.jsonlines.lines import is_blank


class _Payload(msgspec.Struct, gc=False):
    cwd: str | None = None


class _Line(msgspec.Struct, gc=False):
    timestamp: str | float | None = None
    cwd: str | None = None
    session_id: SessionId | None = msgspec.field(default=None, name="sessionId")
    payload: _Payload | None = None


class LineOutline(msgspec.Struct, frozen=True):
    """What some lines of one file say together.

    Attributes:
        objects: What was found in those that are records.
        others: The indices of those that are none.

    """

    objects: Sequence[_Line] = ()
    others: frozenset[int] = frozenset()

    def times(self) -> tuple[int, ...]:
        """Return the earliest and the latest time that is told, Unix ms; or none."""
        stamps = [at for each in self.objects if (at := each.timestamp) is not None]
        texts = [each for each in stamps if isinstance(each, str)]
        if len(texts) == len(stamps) and _are_alike(texts):
            first, last = unix_ms(min(texts)), unix_ms(max(texts))
            if first is not None and last is not None:
                return first, last

        times = [at_ms for each in stamps if (at_ms := unix_ms(each)) is not None]
        return (min(times), max(times)) if times else ()

    def session_id(self) -> SessionId | None:
        """Return the first session that is named, if any is."""
        return next((id_ for each in self.objects if (id_ := each.session_id)), None)

    def cwds(self) -> tuple[str, ...]:
        """Return the working folders that are named first and last; or none."""
        first = next(filter(None, map(_cwd, self.objects)), None)
        last = next(filter(None, map(_cwd, reversed(self.objects))), None)
        return (first, last) if first and last else ()


_DECODER = msgspec.json.Decoder(_Line)


def of_objects(texts: Sequence[bytes]) -> LineOutline:
    """Return the outline of lines that should be JSON objects."""
    try:
        return LineOutline(list(map(_DECODER.decode, texts)))
    except (ValueError, RecursionError):
        lines = [decode(text, _DECODER) for text in texts]

    others = (index for index, line in enumerate(lines) if line is None)
    return LineOutline([line for line in lines if line is not None], frozenset(others))


def of_text(texts: Sequence[bytes]) -> LineOutline:
    """Return the outline of plain lines: no times or names, and blank lines are malformed."""
    others = (index for index, text in enumerate(texts) if is_blank(text))
    return LineOutline(others=frozenset(others))


def _cwd(line: _Line) -> str | None:
    return line.cwd or (line.payload and line.payload.cwd) or None


def _are_alike(stamps: list[str]) -> bool:
    """Whether all read 2026-11-21T02:51:23.962Z, whose order is that in time."""
    is_as_long = set(map(len, stamps)) == {24}
    return is_as_long and all(map(str.endswith, stamps, repeat("Z")))
