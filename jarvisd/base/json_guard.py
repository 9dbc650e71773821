"""Checks and escapes bytes of JSON: before decoding, and after encoding."""

import re

import msgspec


def is_utf8(line: bytes) -> bool:
    """Whether *line* is valid UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False

    return True


# An escaped backslash, a pair of surrogates, or a lone one; only the last is a group.
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)", re.DOTALL
)


def without_surrogates(line: bytes) -> bytes:
    """Return JSON *line* with U+FFFD for each escape of a lone surrogate."""
    return _SURROGATES.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)


# In UTF-8: delete, C1 controls, soft hyphen, Arabic letter mark, zero-width characters,
# line and paragraph separators, bidi embeddings, overrides and isolates, word joiner
# and other invisible operators, byte order mark, interlinear annotation.
_UNSAFE = re.compile(
    rb"\x7f|\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]"
    rb"|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]"
)


def encode_safe(value: object) -> bytes:
    """Return *value* as JSON that is safe on a terminal.

    Characters that could steer a terminal or hide text are written as escapes, so
    that what a shell pipes from the socket to the screen is harmless, and nothing
    is lost to a program that decodes it.
    """
    return escape_unsafe(msgspec.json.encode(value))


def escape_unsafe(raw: bytes) -> bytes:
    """Return JSON *raw* with control and invisible characters escaped."""
    if raw.isascii() and b"\x7f" not in raw:
        return raw

    return _UNSAFE.sub(_escape, raw)


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())
