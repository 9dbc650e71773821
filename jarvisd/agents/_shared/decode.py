"""What every parser needs of JSON: a decoder that is total, times and counts.

A line is decoded into a Struct that names only the needed fields, which skips the
rest without making objects. Strange values must not cost the line: what has another
type than it should is left at its default, and the rest is kept. Only what is no JSON
object at all is malformed.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, get_args
from zlib import crc32

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


UNDECODED = (ValueError, RecursionError)
"""What a decoder of msgspec raises: all of its own errors are ValueErrors."""

ABSENT = msgspec.Raw()
"""What a Raw field is if the line does not have it: empty."""

DIGEST_BYTES = 256

_QUOTE = ord('"')
_PAIRS = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""An escaped backslash, a surrogate pair, or half of one."""

_BOM = b"\xef\xbb\xbf"
_EARLIEST_MS = 946_684_800_000  # 2000-01-01: before it, a time is an absent one
_LATEST_MS = 4_102_444_800_000  # 2100-01-01
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES: dict[str, int] = {}
"""The minutes met lately: a cache only, the same with it and without."""

_MAX_MINUTES = 4_096
_SECONDS = {f"{second:02}.": second * 1000 for second in range(60)}
_MILLIS = {f"{milli:03}Z": milli for milli in range(1000)}


def decode(text: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Return the object that *text* is, or None if it is none."""
    return decode_counted(text, decoder)[0]


def decode_counted(
    text: bytes, decoder: msgspec.json.Decoder[T]
) -> tuple[T | None, int]:
    """Return the object that *text* is, and how many numbers in it are out of range.

    Apart from the object: what is a field of a shape, a line can say itself.
    """
    try:
        return decoder.decode(text), 0
    except UNDECODED as error:
        return decode_strange(text, decoder.type, error)


def decode_raw(raw: msgspec.Raw, kind: type[T]) -> T | None:
    """Return the object inside *raw*, which is valid JSON, or None if it is none."""
    try:
        return None if raw is ABSENT else _Mender().salvage(raw, kind)
    except (ValueError, RecursionError):
        return None


def text_of(raw: msgspec.Raw) -> str | None:
    """Return the string that *raw* is, or None if it is none."""
    if raw is ABSENT:
        return None

    view = memoryview(raw)
    if view[0] != _QUOTE:
        return None

    try:
        return msgspec.json.decode(raw, type=str)
    except UnicodeDecodeError:
        return msgspec.json.decode(_replaced(bytes(view)), type=str)
    except ValueError:
        return None


def head_of(raw: msgspec.Raw, length: int) -> bytes:
    """Return the first *length* bytes of *raw* as they are written."""
    return b"" if raw is ABSENT else memoryview(raw)[:length].tobytes()


def digest_of(raw: msgspec.Raw) -> int:
    """Return a number that is alike for inputs *raw* that are alike; 0 for none.

    Of an input of more than `DIGEST_BYTES` only the start and the length count.
    """
    if raw is ABSENT:
        return 0

    text = bytes(raw)
    if not text.isascii():  # as `decode_strange` reads it, which some lines need
        text = text.decode(errors="replace").encode()

    return crc32(text[:DIGEST_BYTES], len(text))


def unix_ms(stamp: str | float | None) -> int | None:
    """Return the time that *stamp* says, or None if it says none or nonsense.

    Text is ISO 8601, UTC where it names no zone. A number is Unix time in seconds, ms,
    microseconds or ns, told apart by its size.
    """
    # Nearly every line says 2026-11-21T02:51:23.962Z, in the minute of the one before.
    if stamp.__class__ is str:
        try:
            return _MINUTES[stamp[:17]] + _SECONDS[stamp[17:20]] + _MILLIS[stamp[20:]]
        except KeyError:
            pass

    try:
        at_ms = _any_iso_ms(stamp) if isinstance(stamp, str) else _number_ms(stamp)
    except (ValueError, OverflowError):
        return None

    return at_ms if at_ms is None or _EARLIEST_MS <= at_ms < _LATEST_MS else None


def parts_of(kind: Any) -> tuple[type[msgspec.Struct] | None, Any]:
    """Return the Struct and the item type of a tuple that *kind* allows."""
    struct = item = None
    # What a tuple has inside is no member of a union.
    is_tuple = getattr(kind, "__origin__", None) is tuple
    for each in (kind,) if is_tuple else (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            struct = each
        elif getattr(each, "__origin__", None) is tuple:
            item = get_args(each)[0]

    return struct, item


def _any_iso_ms(stamp: str) -> int:
    moment = datetime.fromisoformat(stamp)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)

    past = moment - _EPOCH
    at_ms = past.days * 86_400_000 + past.seconds * 1000 + past.microseconds // 1000
    if len(stamp) == 24 and stamp[23] == "Z" and _EARLIEST_MS <= at_ms < _LATEST_MS:
        _remember(stamp[:17], at_ms - at_ms % 60_000)

    return at_ms


def _remember(minute: str, at_ms: int) -> None:
    if len(_MINUTES) >= _MAX_MINUTES:
        _MINUTES.clear()

    _MINUTES[minute] = at_ms


def _number_ms(stamp: float | None) -> int | None:
    if stamp is None:
        return None

    for limit, per_second in ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000)):
        if stamp < limit:
            return int(stamp * 1000 / per_second)

    return int(stamp / 1_000_000)


def decode_strange(
    text: bytes, kind: type[T], error: Exception
) -> tuple[T | None, int]:
    """Decode *text*, which a decoder failed on by *error*, as `decode_counted` does.

    For readers that call their decoder themselves, line after line.
    """
    text = _replaced(text)
    for _ in range(2):  # a line may be strange in two ways
        mender = _Mender()
        try:
            found: T = mender.salvage(_readable(text, error), kind)
        except ValueError as another:
            error = another
        except RecursionError:
            break
        else:
            return found, mender.left_out

    return None, 0


def _readable(text: bytes, error: Exception) -> bytes:
    """Return *text* as JSON that msgspec takes, if there is a way."""
    if text.startswith(_BOM):
        return text[len(_BOM) :]

    if isinstance(error, msgspec.ValidationError) or b"\\u" not in text:
        return text

    # Half a surrogate pair is valid JSON; what it stands for is lost anyway.
    return _PAIRS.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)


def _replaced(text: bytes) -> bytes:
    return text.decode(errors="replace").encode()


class _Mender:
    """Decodes what it can of a line, and counts the *left_out* numbers."""

    def __init__(self) -> None:
        self.left_out = 0

    def salvage(self, text: bytes | msgspec.Raw, kind: Any) -> Any:
        """Decode *text* as *kind*, leaving out what does not fit."""
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.ValidationError:
            pass
        except UnicodeDecodeError:
            return self.salvage(_replaced(bytes(memoryview(text))), kind)

        struct, item = parts_of(kind)
        head = bytes(memoryview(text)[:64]).lstrip()[:1]
        if head == b"{" and struct is not None:
            return self._salvage_object(text, struct)

        if head == b"[" and item is not None:
            raws = msgspec.json.decode(text, type=list[msgspec.Raw])
            mended = (self._salvage_or_none(raw, item) for raw in raws)
            return tuple(each for each in mended if each is not None)

        self.left_out += _is_number(kind) and (head == b"-" or head.isdigit())
        raise ValueError

    def _salvage_object(
        self, text: bytes | msgspec.Raw, struct: type[msgspec.Struct]
    ) -> Any:
        raws = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        found = {}
        for field in _fields_of(struct):
            raw = raws.get(field.encode_name)
            value = None if raw is None else self._salvage_or_none(raw, field.type)
            if value is not None:
                found[field.name] = value

        return struct(**found)

    def _salvage_or_none(self, raw: msgspec.Raw, kind: Any) -> Any:
        if kind is msgspec.Raw:
            return raw

        try:
            return self.salvage(raw, kind)
        except ValueError:
            return None


@cache
def _fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a shape; to find them out takes a third of a millisecond."""
    return msgspec.structs.fields(struct)


def _is_number(kind: Any) -> bool:
    """Whether *kind*, a bounded number or a union with one, allows numbers."""
    return any(
        getattr(each, "__origin__", None) in {int, float}
        for each in (kind, *get_args(kind))
    )
