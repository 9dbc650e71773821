"""Which processes are connected to which by Unix sockets, as the kernel tells.

Asked by netlink (sock_diag(7)), which gives the number of each socket's other end; whose
a number is stands in /proc/PID/fd. Where either may not be asked, as in the sandbox of
the service, nothing is known.
"""

import os
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress

from jarvisd.presence.processes import MAX_DESCRIPTORS

_SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG, the family of netlink."""

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_MESSAGE = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")
_BY_FAMILY, _ERROR, _DONE = 20, 2, 3
_REQUEST_DUMP = 0x301
_ALL_STATES, _ANY = 0xFFFFFFFF, 0xFFFFFFFF
_SHOW_PEER = 4
_PEER = 2
_BYTES = 64 * 1024
_LIMIT_S = 0.5


def connected(server: int, clients: Collection[int]) -> set[int] | None:
    """Return which of *clients* have a connection to *server*; None if unknown."""
    own = _sockets_of(server)
    if own is None:
        return None

    try:
        ends = {peer for number, peer in _pairs() if number in own}
    except (OSError, struct.error):
        return None

    found = set()
    for pid in clients:
        sockets = _sockets_of(pid)
        if sockets is None:
            return None

        if not ends.isdisjoint(sockets):
            found.add(pid)

    return found


def _sockets_of(pid: int) -> set[int] | None:
    """Return the numbers of the process's sockets; None if it may not be asked."""
    folder = f"/proc/{pid}/fd"
    found = set()
    try:
        for name in os.listdir(folder)[:MAX_DESCRIPTORS]:
            with suppress(FileNotFoundError):
                target = os.readlink(f"{folder}/{name}")
                if target.startswith("socket:["):
                    found.add(int(target[8:-1]))
    except OSError:
        return None

    return found


def _pairs() -> Iterator[tuple[int, int]]:
    """Yield each Unix socket with its other end."""
    request = _REQUEST.pack(
        socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _SHOW_PEER, _ANY, _ANY
    )
    length = _HEADER.size + len(request)
    header = _HEADER.pack(length, _BY_FAMILY, _REQUEST_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink:
        netlink.settimeout(_LIMIT_S)
        netlink.send(header + request)
        while True:
            for kind, body in _messages(netlink.recv(_BYTES)):
                if kind in {_DONE, _ERROR}:
                    return

                yield from _pair_of(body)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + length]
        at += _aligned(max(length, _HEADER.size))


def _pair_of(body: bytes) -> Iterator[tuple[int, int]]:
    number = _MESSAGE.unpack_from(body)[4]
    at = _MESSAGE.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if kind == _PEER:
            (peer,) = struct.unpack_from("=I", body, at + _ATTRIBUTE.size)
            yield number, peer

        at += _aligned(max(length, _ATTRIBUTE.size))


def _aligned(length: int) -> int:
    return (length + 3) & ~3
