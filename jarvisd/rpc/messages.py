"""Bytes to lines, lines to requests, answers to bytes: JSON-RPC 2.0, one object a line.

Pure and total: whatever a stranger sends becomes a `Call`, a `Refused` or a `RequestBatch`,
never an exception. A request is taken apart in two cheap passes: the envelope, which
leaves id and parameters as raw bytes, then the parameters by the Struct of the method.
The id is echoed as it was written, so that no number loses digits on the way.

Facts: https://www.jsonrpc.org/specification, whose examples are our tests.
"""

import re
from dataclasses import dataclass, field

import msgspec

from jarvisd.base.errors import ProtocolError, protocol_error
from jarvisd.base.json_guard import encode_safe, is_utf8, without_surrogates
from jarvisd.base.wire_types import Params
from jarvisd.rpc.wire import METHODS

MAX_REQUEST_BYTES = 1 << 20
MAX_BATCH = 32

LARGE_BYTES = 64 * 1024
"""From here on a request may take milliseconds to decode, 3 for a MiB of brackets."""

NULL = b"null"


@dataclass(slots=True)
class LineFramer:
    """Collects bytes and gives lines.

    A line beyond the limit is given once, cut just behind the limit so that it is
    refused as too large, and the rest of it is thrown away as it comes.
    """

    max_line_bytes: int = MAX_REQUEST_BYTES
    _bytes: bytearray = field(default_factory=bytearray)
    _searched: int = 0
    _skipping: bool = False

    @property
    def has_partial(self) -> bool:
        """Whether a line has begun; meant for when `next_line` gave None."""
        return bool(self._bytes) or self._skipping

    @property
    def is_large(self) -> bool:
        """Whether the line to come may be larger than `LARGE_BYTES`, and is complete."""
        return len(self._bytes) > LARGE_BYTES and self.has_line

    @property
    def has_line(self) -> bool:
        """Whether `next_line` would give one."""
        if self._skipping:
            return b"\n" in self._bytes

        return (
            len(self._bytes) > self.max_line_bytes
            or self._bytes.find(b"\n", self._searched) >= 0
        )

    def feed(self, data: bytes | memoryview) -> None:
        """Append *data*."""
        self._bytes += data

    def next_line(self) -> bytes | None:
        """Return the next line without its end, or None until more has come."""
        end = self._bytes.find(b"\n", self._searched)
        if self._skipping:
            return self._skip(end)

        if end < 0 or end > self.max_line_bytes:
            return self._unfinished(end)

        line = bytes(memoryview(self._bytes)[:end])
        self._drop(end + 1)
        return line

    def _unfinished(self, end: int) -> bytes | None:
        self._searched = len(self._bytes)
        if self._searched <= self.max_line_bytes:
            return None

        line = bytes(memoryview(self._bytes)[: self.max_line_bytes + 1])
        self._drop(end + 1 if end >= 0 else len(self._bytes))
        self._skipping = end < 0
        return line

    def _skip(self, end: int) -> bytes | None:
        if end < 0:
            self._drop(len(self._bytes))
            return None

        self._skipping = False
        self._drop(end + 1)
        return self.next_line()

    def _drop(self, count: int) -> None:
        del self._bytes[:count]
        self._searched = 0


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request in order; a notification, which wants no answer, has an empty id."""

    id: bytes
    method: str
    params: Params


class Refused(msgspec.Struct, frozen=True):
    """A request that cannot be taken; nobody waits for the answer to an empty id."""

    id: bytes
    error: ProtocolError


class RequestBatch(msgspec.Struct, frozen=True):
    """Several requests of one line, to be answered in one line."""

    items: list[Call | Refused]


Request = Call | Refused | RequestBatch


class _Envelope(msgspec.Struct, gc=False):
    method: str
    jsonrpc: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw()


class _LooseEnvelope(msgspec.Struct, gc=False):
    """What is left of an envelope of wrong shape: enough to answer the right id."""

    id: msgspec.Raw = msgspec.Raw()


# An array that may not be longer is refused before its elements take memory;
# a limit by `Meta(max_length=...)` is looked at only afterwards.
_BatchEnvelope = msgspec.defstruct(
    "_BatchEnvelope",
    [(f"item_{n}", msgspec.Raw, msgspec.Raw()) for n in range(MAX_BATCH)],
    array_like=True,
    forbid_unknown_fields=True,
)

_envelope = msgspec.json.Decoder(_Envelope)
_loose_envelope = msgspec.json.Decoder(_LooseEnvelope)
_batch_envelope = msgspec.json.Decoder(_BatchEnvelope)
_decoders = {
    method: msgspec.json.Decoder(params) for method, (params, _) in METHODS.items()
}


def decode(line: bytes) -> Request | None:
    """Return the request in *line*; None if it is blank.

    A line beyond `MAX_REQUEST_BYTES` is refused; whoever collects lines should
    refuse it sooner, with `too_large()`.
    """
    line = line.strip(b" \t\r\n")
    if not line:
        return None

    if len(line) > MAX_REQUEST_BYTES:
        return too_large()

    if not line.isascii() and not is_utf8(line):
        return Refused(NULL, protocol_error("parse_error", "a request must be UTF-8"))

    try:
        return _batch(line) if line.startswith(b"[") else _call(line)
    except RecursionError:
        return Refused(NULL, too_deep())


def too_large() -> Refused:
    """Return the refusal of a line that is too long to look at."""
    message = f"a request has at most {MAX_REQUEST_BYTES} bytes"
    return Refused(NULL, protocol_error("too_large", message, limit=MAX_REQUEST_BYTES))


def too_deep() -> ProtocolError:
    """Return the refusal of what is nested deeper than the decoder goes.

    That is its own limit, about a thousand: to count brackets beforehand takes it 30 ms
    for a request of a MiB, during which no other client is answered.
    """
    return protocol_error("too_deep", "the request is nested too deeply")


def encode_result(id_: bytes, result: bytes) -> bytes:
    """Return the line that answers request *id_* with *result*, itself JSON."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}\n' % (id_, result)


def encode_error(id_: bytes, error: ProtocolError) -> bytes:
    """Return the line that refuses request *id_*."""
    details = {"kind": error.kind, **error.data}
    body = {"code": error.number, "message": str(error), "data": details}
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}\n' % (id_, encode_safe(body))


def encode_notification(method: str, params: bytes) -> bytes:
    """Return the line of one notification."""
    return b'{"jsonrpc":"2.0","method":"%b","params":%b}\n' % (method.encode(), params)


def encode_event(subscription: str, topic: str, cursor: str, data: bytes) -> bytes:
    """Return the notification of one change; *data* is JSON, encoded once for all.

    Subscription, topic and cursor are our own words and need no quoting.
    """
    return event_head(subscription) + event_rest(topic, cursor, data)


def event_head(subscription: str) -> bytes:
    """Return the part of each event of *subscription* that no other one has."""
    return (
        b'{"jsonrpc":"2.0","method":"event","params":{"subscription":"%b",'
        % subscription.encode()
    )


def event_rest(topic: str, cursor: str, data: bytes) -> bytes:
    """Return the rest of an event, which is the same for all subscriptions."""
    return b'"topic":"%b","cursor":"%b","data":%b}}\n' % (
        topic.encode(),
        cursor.encode(),
        data,
    )


def encode_batch(answers: list[bytes]) -> bytes:
    """Return the one line for the *answers* of a batch; empty if there are none."""
    if not answers:
        return b""

    return b"[" + b",".join(answer.rstrip(b"\n") for answer in answers) + b"]\n"


def _call(raw: bytes | msgspec.Raw) -> Call | Refused:
    try:
        envelope = _envelope.decode(raw)
    except msgspec.ValidationError as exc:
        return _misshapen(raw, exc)
    except msgspec.DecodeError as exc:  # in the method's name, or not JSON at all
        return Refused(_id_of(raw), protocol_error("parse_error", str(exc)))

    id_ = bytes(envelope.id)
    if not _is_id(id_):
        message = "id must be a string, a number or null"
        return Refused(NULL, protocol_error("invalid_request", message))

    if bytes(envelope.jsonrpc) != b'"2.0"':
        return _invalid(id_, 'jsonrpc must be "2.0"')

    decoder = _decoders.get(envelope.method)
    if decoder is None:
        message = f"no method {envelope.method[:64]!r}; `rpc.discover` lists them"
        return Refused(id_, protocol_error("unknown_method", message))

    return _with_params(id_, envelope.method, decoder, bytes(envelope.params))


def _with_params(
    id_: bytes, method: str, decoder: msgspec.json.Decoder[Params], raw: bytes
) -> Call | Refused:
    match raw[:1]:
        case b"{":
            pass
        case b"" | b"[" if not raw[1:-1].strip():
            raw = b"{}"  # no parameters: absent, or an empty list
        case b"[":
            message = "params must be an object: they go by name"
            return Refused(id_, protocol_error("invalid_params", message))
        case _:
            return _invalid(id_, "params must be an object")

    try:
        return Call(id_, method, decoder.decode(raw))
    except msgspec.ValidationError as exc:
        return Refused(
            id_, protocol_error("invalid_params", str(exc), field=_field_of(str(exc)))
        )
    except msgspec.DecodeError as exc:  # in a string, which the envelope left raw
        return Refused(id_, protocol_error("parse_error", str(exc)))


def _batch(line: bytes) -> RequestBatch | Refused:
    try:
        envelope = _batch_envelope.decode(line)
    except msgspec.ValidationError:
        message = f"a batch has at most {MAX_BATCH} requests"
        return Refused(
            NULL, protocol_error("batch_too_large", message, limit=MAX_BATCH)
        )
    except msgspec.DecodeError as exc:
        return Refused(NULL, protocol_error("parse_error", str(exc)))

    items = [bytes(raw) for raw in msgspec.structs.astuple(envelope)]
    calls = [_call(raw) for raw in items if raw]
    if not calls:
        return Refused(
            NULL, protocol_error("invalid_request", "a batch must not be empty")
        )

    return RequestBatch(calls)


def _misshapen(raw: bytes | msgspec.Raw, cause: msgspec.ValidationError) -> Refused:
    try:
        _loose_envelope.decode(raw)
    except msgspec.ValidationError:
        pass
    except msgspec.DecodeError as exc:  # no JSON behind what was of wrong shape
        return Refused(NULL, protocol_error("parse_error", str(exc)))

    # Whether it was meant as a notification cannot be known: the answer has an id.
    return _invalid(_id_of(raw), str(cause))


def _id_of(raw: bytes | msgspec.Raw) -> bytes:
    """Return the id of a request that cannot be taken, or null where it has none.

    A lone surrogate spoils a text but not the JSON around it, so it is no reason to
    leave a client without its answer; one in the id itself is.
    """
    line = bytes(raw)
    try:
        id_ = bytes(_loose_envelope.decode(without_surrogates(line)).id)
    except msgspec.DecodeError:
        return NULL

    return id_ if id_ and id_ in line and _is_id(id_) else NULL


def _invalid(id_: bytes, message: str) -> Refused:
    return Refused(id_ or NULL, protocol_error("invalid_request", message))


def _is_id(raw: bytes) -> bool:
    return raw[:1] not in (b"{", b"[", b"t", b"f")


_FIELD = re.compile(r"`(?!\$)(?P<name>[^`]*)`|`\$\.?(?P<path>[^`]*)`")


def _field_of(message: str) -> str | None:
    """Return the field that msgspec's *message* is about, like `filter.agent`."""
    names = [found["name"] for found in _FIELD.finditer(message) if found["name"]]
    paths = [found["path"] for found in _FIELD.finditer(message) if found["path"]]
    if names and " field `" in message:  # a name may be empty
        return ".".join([*paths, names[-1]])

    return paths[0] if paths else None
