"""Finds the processes that are connected to a server by Unix sockets.

Netlink (sock_diag(7)) gives the inode of each socket's peer, and /proc/PID/fd the
inodes of a process's sockets. Where either is forbidden, as in the sandbox of the
service, the answer is unknown.
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


def connected_clients(server: int, clients: Collection[int]) -> set[int] | None:
    """Return those of *clients* that have a connection to *server*; None if unknown."""
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
    """Return the inodes of the process's sockets; None if access is forbidden."""
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
    """Yield the inode of each Unix socket with that of its peer."""
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

                # The body: a unix_diag_msg with the inode, then attributes.
                number = _MESSAGE.unpack_from(body)[4]
                at = _MESSAGE.size
                while at + _ATTRIBUTE.size <= len(body):
                    size, attribute = _ATTRIBUTE.unpack_from(body, at)
                    if attribute == _PEER:
                        value_at = at + _ATTRIBUTE.size
                        (peer,) = struct.unpack_from("=I", body, value_at)
                        yield number, peer

                    at += _aligned(max(size, _ATTRIBUTE.size))


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each netlink message in *data*."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + length]
        at += _aligned(max(length, _HEADER.size))


def _aligned(length: int) -> int:
    return (length + 3) & ~3  # NLA_ALIGN: a zero length must not loop forever
