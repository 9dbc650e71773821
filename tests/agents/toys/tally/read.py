"""The reader of Tally: a line is a time and the tokens of the session so far."""

import msgspec

from jarvisd.agents._shared.cumulative import CumulativeUsage
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import UsageReported
from jarvisd.core.record import Record


class TallyReader:
    """Reads the lines of one session."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self._session_id = context.session_id
        self._usage = CumulativeUsage()
        if saved:
            self._usage = msgspec.msgpack.decode(saved, type=CumulativeUsage)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is malformed."""
        at_s, _, total = text.partition(b" ")
        if not (at_s.isdigit() and total.isdigit()):
            return None

        added = self._usage.added(Tokens(output=int(total)))
        events: tuple[UsageReported, ...] = ()
        if added is not None:
            name = f"{self._session_id}:{int(total)}"
            events = (UsageReported(response=name, model="tally-1", tokens=added),)

        return Record(
            kind="total",
            at_ms=int(at_s) * 1000,
            session_id=self._session_id,
            offset=offset,
            events=events,
        )

    def memory(self) -> bytes:
        """Return the greatest total so far."""
        return msgspec.msgpack.encode(self._usage)
