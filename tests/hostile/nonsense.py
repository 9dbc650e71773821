"""Requests and lines as nobody should write them, any number, the same each time."""

import random
from collections.abc import Iterator
from itertools import islice

PARSE, INVALID, UNKNOWN, PARAMS, LARGE = -32700, -32600, -32601, -32602, -32006

Request = tuple[bytes, frozenset[int]]
"""A line without its end, and the codes of which the refusal may have any."""

_DEEP = b"[" * 100_000 + b"]" * 100_000
_DIGITS = b"9" * 1_000_000


def _only(code: int, *lines: bytes) -> list[Request]:
    return [(line, frozenset({code})) for line in lines]


_HAND_MADE = [
    # The examples of the specification.
    *_only(
        PARSE,
        b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
        b'[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},',
    ),
    *_only(INVALID, b'{"jsonrpc": "2.0", "method": 1, "params": "bar"}', b"[]"),
    *_only(UNKNOWN, b'{"jsonrpc": "2.0", "method": "foobar", "id": "1"}'),
    # No JSON at all.
    *_only(PARSE, b"{", b"}", b"]", b'"', b"\\", b"NaN", b"\x00", b"\xff\xfe{", b"'"),
    *_only(PARSE, b'{"id":1}{"id":2}', b'{"jsonrpc":"2.0",}', b"GET / HTTP/1.1\r"),
    # JSON, and no request.
    *_only(INVALID, b"1", b"null", b"true", b'""', b"{}", b'{"id":1}', b"1e999"),
    *_only(INVALID, b'{"jsonrpc":"1.0","id":1,"method":"status"}'),
    *_only(INVALID, b'{"jsonrpc":"2.0","id":[1],"method":"status"}'),
    *_only(INVALID, b'{"jsonrpc":"2.0","id":1,"method":"status","params":7}'),
    # A request, and wrong parameters.
    *_only(
        PARAMS,
        b'{"jsonrpc":"2.0","id":1,"method":"line","params":{"width":-1}}',
        b'{"jsonrpc":"2.0","id":1,"method":"line","params":{"width":1e400}}',
        b'{"jsonrpc":"2.0","id":1,"method":"line","params":{"wdth":1}}',
        b'{"jsonrpc":"2.0","id":1,"method":"line","params":[1]}',
        b'{"jsonrpc":"2.0","id":1,"method":"blocks.get"}',
    ),
]
_HEAVY = [
    *_only(PARSE, _DEEP, b'{"jsonrpc":"2.0","id":1,"method":"line","params":' + _DEEP),
    (b"[" + _DIGITS, frozenset({PARSE})),
    (_DIGITS, frozenset({PARSE, INVALID})),
    (
        b'{"jsonrpc":"2.0","id":1,"method":"line","params":{"width":%b}}' % _DIGITS,
        frozenset({PARSE, PARAMS}),
    ),
    *_only(
        LARGE, b"x" * (1 << 20) + b"y", b'{"jsonrpc":"2.0","id":"' + b"z" * (3 << 20)
    ),
]
_EVERY = 500
"""How seldom a heavy one comes among the light."""


def requests(count: int, seed: int) -> Iterator[Request]:
    """Give *count* requests that must be refused, each with the codes for it."""
    return islice(_requests(random.Random(seed)), count)


def lines(count: int, seed: int) -> Iterator[bytes]:
    """Give *count* lines that no agent writes: none is blank, none a JSON object."""
    chance = random.Random(seed)
    heavy = [_DEEP, _DIGITS, b'{"n":' + b"[" * 100_000, b"{" * 100_000]
    for number in range(count):
        if number % _EVERY == 0:
            yield heavy[number // _EVERY % len(heavy)]
        else:
            yield b"{" + _noise(chance)


def _requests(chance: random.Random) -> Iterator[Request]:
    number = 0
    while True:
        number += 1
        if number % _EVERY == 0:
            yield _HEAVY[number // _EVERY % len(_HEAVY)]
        elif number % 2:
            yield _HAND_MADE[number // 2 % len(_HAND_MADE)]
        else:
            # With this in front it is no JSON, whatever follows.
            yield b"\x01" + _noise(chance), frozenset({PARSE})


def _noise(chance: random.Random) -> bytes:
    """Return some random bytes that do not end the line, and no JSON."""
    noise = chance.randbytes(chance.randrange(1, 200))
    return b"\x01" + noise.replace(b"\n", b"") + b"\x02"
