"""JSON scanned while its bytes come in, whatever the pieces they come in.

What is not wanted is checked by the decoder, in C and without making objects of it: a
piece of a value is put behind the brackets that are open before it, so that the decoder
finds it well-formed as far as it goes. Only what is wanted is gone through step by step.
"""

import re
from collections.abc import Generator
from typing import NoReturn

import msgspec

Scan = Generator[None, None, bytes]
"""A part of a scan: waits for more bytes at `yield`, and returns what it keeps."""

Wait = Generator[None, None, None]
"""The same of a part that keeps nothing."""

SPACES = b" \t\r\n"
QUOTE, COMMA, COLON = b'",:'
OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY = b"{}[]"
OPENING = b"{["

_MAX_SCALAR_BYTES = 4096
"""A longer number is none."""

_WINDOWS = (64, 4096)
"""Most values are no longer: looked at first, before all that has come."""

_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_WORDS = b"-+.0123456789aeEflnrstu"
_PADDING = b"    "
"""The decoder takes a wrong word for a part of one, if nothing stands behind it."""

_MARKS = b",:[]{}"
_BEHIND_STRING = b",:]}"
_FEW = 8

_SPACE = re.compile(rb"[ \t\r\n]*+")
BODY = rb'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_BODY = re.compile(BODY)
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?")
_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_WORD = re.compile(rb"[-+.0-9A-Za-z]*+")
SCALAR = rb"(?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|true|false|null)"
_SCALAR = re.compile(SCALAR)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_WHOLE_STRINGS = re.compile(
    rb'(?:[^"]*+"(?:[^"\\]++|\\.)*+"(?=[ \t\r\n]*+[,:\]}]))*+', re.DOTALL
)
"""All up to the end of the last string behind which something stands."""

_TRAILING = "JSON is malformed: trailing characters (byte "
_TRUNCATED = "Input data was truncated"
_ANY = msgspec.json.Decoder(msgspec.Raw)


class Scanner:
    """The bytes that have come and are not done with, and how to go on in them."""

    def __init__(self) -> None:
        self.text = b""
        self.at = 0
        """Where in *text* the scan stands."""

    def take(self, piece: bytes) -> None:
        """Append *piece* to what is not scanned yet."""
        self.text = self.text[self.at :] + piece
        self.at = 0

    def pass_space(self) -> Wait:
        """Skip space, and wait for its end if need be."""
        while True:
            found = _SPACE.match(self.text, self.at)
            assert found is not None
            self.at = found.end()
            if self.at < len(self.text):
                return

            yield

    def scalar(self) -> Scan:
        """Scan a number, `true`, `false` or `null`."""
        while True:
            found = _WORD.match(self.text, self.at)
            assert found is not None
            if found.end() < len(self.text):
                break

            self._limit_scalar()
            yield

        self.at = found.end()
        return found[0] if _SCALAR.fullmatch(found[0]) else malformed()

    def string(self, room: int) -> Scan:
        """Scan a string, and return it as it is written, cut to *room* bytes."""
        kept, length, begin = [], 0, self.at + 1
        while True:
            found = _BODY.match(self.text, begin)
            assert found is not None
            end = self.at = found.end()
            if length < room:
                kept.append(self.text[begin : min(end, begin + room - length)])

            length += end - begin
            if end < len(self.text):
                if self.text[end] == QUOTE:
                    break

                if not _CUT_ESCAPE.fullmatch(self.text, end):
                    malformed()

            yield
            begin = self.at

        self.at = end + 1
        content = b"".join(kept)
        return b'"%b"' % (content if length <= room else _cut(content))

    def whole_value(self) -> int | None:
        """Return where the object or array ends that begins here; None if not yet."""
        for window in (*_WINDOWS, len(self.text)):
            # A number that is cut in two is not well-formed, one that has not come is.
            rest = self.text[self.at : self.at + window].rstrip(_WORDS)
            end = _end_of(_without_surrogates(rest))
            if end is not None:
                return self.at + end

        return None

    def skip(self) -> Wait:
        """Pass over the object or array that begins here."""
        end = self.whole_value()
        if end is not None:
            self.at = end
        else:
            yield from self.skip_rest(b"")

    def skip_rest(self, opened: bytes, last: int = 0) -> Wait:
        """Pass over the rest of a value, up to the end of the outermost bracket.

        *opened* are the brackets that are open here, *last* is the mark before it.
        """
        while True:
            end = self._last_mark()
            if end == self.at:
                yield from self._wait_for_mark()
                continue

            piece = self.text[self.at : end]
            prefix = _well_formed(opened, last)
            found = _end_of(prefix + _without_surrogates(piece) + _PADDING)
            if found is not None:
                self.at += found - len(prefix)
                return

            opened, last = _still_open(opened, piece), piece[-1]
            self.at = end

    def _last_mark(self) -> int:
        """Return the end of the last mark that stands in no string, or where we are."""
        found = _WHOLE_STRINGS.match(self.text, self.at)
        assert found is not None
        until = self.text.find(b'"', found.end())
        marks = (
            self.text.rfind(mark, found.end(), until if until >= 0 else None)
            for mark in _MARKS
        )
        return max(self.at, 1 + max(marks))

    def _wait_for_mark(self) -> Wait:
        """Wait for more, or for the end of a string: there is no mark so far."""
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        if not self.text.startswith(b'"', self.at):
            self._limit_scalar()
            yield
            return

        yield from self.string(0)
        yield from self.pass_space()
        if self.text[self.at] not in _BEHIND_STRING:
            malformed()

        # Checked already, so that an empty one does as well, however long it was.
        self.text = b'""' + self.text[self.at :]
        self.at = 0

    def _limit_scalar(self) -> None:
        if len(self.text) - self.at > _MAX_SCALAR_BYTES:
            malformed()


def malformed() -> NoReturn:
    """Raise the error of text that is not JSON."""
    raise ValueError


def _end_of(text: bytes) -> int | None:
    """Return where the value ends that *text* begins with; None if behind its end.

    Raises:
        ValueError: It is not well-formed.
        RecursionError: It is nested too deep.

    """
    try:
        return memoryview(_ANY.decode(text)).nbytes
    except msgspec.DecodeError as error:
        message = str(error)
        if message == _TRUNCATED:
            return None

        if not message.startswith(_TRAILING):
            raise

        behind = int(message[len(_TRAILING) : -1]) - 1
        return len(text[:behind].rstrip(SPACES))


def _without_surrogates(text: bytes) -> bytes:
    """Return *text*, as long as it is, without what the decoder stumbles over.

    Half a pair is valid JSON, which agents write where they cut a text.
    """
    return _SURROGATE.sub(rb"\\u0020", text) if b"\\u" in text else text


def _cut(content: bytes) -> bytes:
    """Return the start of a string without what was cut in two."""
    found = _BODY.match(content)
    assert found is not None
    whole = _HALF_PAIR.sub(b"", found[0])
    return whole.decode(errors="ignore").encode()


def _well_formed(opened: bytes, last: int) -> bytes:
    """Return the opening brackets *opened*, as a valid start for the rest."""
    if not opened:
        return b""

    if opened[-1] == OPEN_ARRAY:
        inner = {OPEN_ARRAY: b"[", COMMA: b"[0,"}.get(last, b"[0")
    else:
        inner = {OPEN_OBJECT: b"{", COMMA: b'{"":0,', COLON: b'{"":'}.get(
            last, b'{"":0'
        )

    return opened[:-1].replace(b"{", b'{"":') + inner


def _still_open(opened: bytes, piece: bytes) -> bytes:
    """Return the brackets that are still open after the well-formed *piece*."""
    brackets = _STRING.sub(b"", piece).translate(None, _NOT_BRACKETS)
    for _ in range(_FEW):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")

    stack = bytearray(opened)
    for bracket in brackets:
        if bracket in OPENING:
            stack.append(bracket)
        else:
            stack.pop()

    return bytes(stack)
