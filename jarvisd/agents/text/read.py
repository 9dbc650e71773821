"""The reader of output of unknown form: every line is a record without events."""

from jarvisd.core.agent import ReaderContext
from jarvisd.core.record import Record
from jarvisd.core.sources.jsonlines.lines import is_blank


class TextReader:
    """Reads plain text, in which no line but a blank one is malformed."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context, saved

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return a record without events, or None for a blank line."""
        return None if is_blank(text) else Record(kind="text", offset=offset)

    def memory(self) -> bytes:
        """Return nothing: there is nothing to remember."""
        return b""
