"""Fields of usage that readers of session trees do not know, by name."""

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.entry_shape import EntryUsage
from jarvisd.agents._shared.unknown_fields import drift_of_usage, field_names
from jarvisd.core.record import Drift

_KNOWN = field_names(EntryUsage)
_NEEDED = ("input", "output")


class _Message(Struct, gc=False):
    role: str = ""
    usage: dict[str, Raw] | None = None


class _Answer(Struct, gc=False):
    type: str = ""
    message: _Message | None = None


class _Row(Struct, gc=False):
    event: _Answer | None = None


_LINE = msgspec.json.Decoder(_Answer)
_ROW = msgspec.json.Decoder(_Row)


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown fields of usage in the entry *text*, or in a row with one."""
    try:
        entry = _LINE.decode(text)
        if entry.message is None:
            entry = _ROW.decode(text).event or entry
    except (ValueError, RecursionError):  # a strange line: read as far as it goes
        return ()

    message = entry.message
    if entry.type != "message" or message is None or message.role != "assistant":
        return ()

    return drift_of_usage(
        message.usage, "message:assistant", known=_KNOWN, needed=_NEEDED
    )
