"""One event of OpenClaw, a row or a line -> its record.

Events are entries of session trees as those of pi (`_shared/session_entries.py`).
"""

import msgspec
from msgspec.structs import replace

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.entry_reader import EntryReader
from jarvisd.agents._shared.entry_shape import TreeEntry
from jarvisd.agents._shared.session_entries import texts_in
from jarvisd.agents.openclaw.prose import own_words, without_stamp
from jarvisd.core.record import Record, Speaker

_DECODER = msgspec.json.Decoder(TreeEntry)
_STAMPED = b'"['
"""What every prompt with a time has somewhere."""


class OpenclawReader(EntryReader):
    """Reads the events of one session."""

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the event *text*, or None if it is malformed."""
        record = super().read(text, offset=offset)
        if record is None or record.speaker is not Speaker.USER:
            return record

        if _STAMPED not in text:
            return record

        entry = decode(text, _DECODER)
        texts = (
            [] if entry is None or entry.message is None else texts_in(entry.message)
        )
        if not texts or own_words(texts[0]) == texts[0]:
            return record

        return replace(record, events=without_stamp(record.events, texts[0]))
