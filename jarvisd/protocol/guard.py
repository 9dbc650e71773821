"""What is done to bytes before JSON is read, and after it is written."""

import re
from itertools import accumulate

# Possessive, and content with a missing closing quote: linear on any input.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_UP_AND_DOWN = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


def deeper_than(line: bytes, limit: int) -> bool:
    """Say whether *line* nests deeper than *limit*, without recursion.

    What closes more than it opens may pass: the decoder stops where it does so.
    """
    if line.count(b"[") + line.count(b"{") <= limit:
        return False

    steps = _STRING.sub(b"", line).translate(_UP_AND_DOWN, _NO_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > limit


def is_utf8(line: bytes) -> bool:
    """Say whether *line* is text."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False

    return True


# In UTF-8: delete, C1 controls, soft hyphen, Arabic letter mark, zero-width characters,
# line and paragraph separators, bidi embeddings, overrides and isolates, word joiner
# and other invisible operators, byte order mark, interlinear annotation.
_UNSAFE = re.compile(
    rb"\x7f|\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]"
    rb"|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]"
)


def escape_unsafe(raw: bytes) -> bytes:
    """Return JSON *raw* with what could steer a terminal or hide text as escapes."""
    if raw.isascii() and b"\x7f" not in raw:
        return raw

    return _UNSAFE.sub(_escape, raw)


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())
