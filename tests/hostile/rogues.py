"""Sixty-four clients that nobody should write, as a process of their own.

    python -m tests.hostile.rogues SOCKET

Apart, so that what they do to the daemon is measured and not what they do to the one
who measures. `ready` says that all are connected. Then each prints its kind and after
how many seconds it was hung up on, or `none`. Those who keep the rules (flood, vanish)
leave by themselves.
"""

import array
import select
import socket
import sys
from collections.abc import Awaitable, Callable

import anyio

COUNT = 64
STAY_S = 10.0
"""How long those stay whom nobody has a reason to hang up on."""
LIMIT_S = 20.0
LOOK_S = 0.05

HUGE = (
    b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"client":"' + b"x" * 1_000_000
)
LIST = b'{"jsonrpc":"2.0","id":1,"method":"blocks.list"}\n'
NESTED = tuple(
    b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"x":' + each + b"}}\n"
    for each in (
        b"[" * 500_000 + b"]" * 500_000,
        b"[" + b"[]," * 300_000 + b"[]]",
        b"[" + (b"[" * 60 + b"]" * 60 + b",") * 8_000 + b"1]",
    )
)
STATUS = b'{"jsonrpc":"2.0","id":1,"method":"status"}\n'
SUBSCRIBE = (
    b'{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topics":["blocks"]}}\n'
)


class GoneError(Exception):
    """The daemon has hung up."""


class Rogue:
    """One connection, and what may be done with it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.socket = socket.socket(socket.AF_UNIX)

    async def connect(self) -> None:
        """Connect, anew where there was a connection."""
        self.socket.close()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(0)
        while True:
            try:
                self.socket.connect(self._path)
            except BlockingIOError:  # many are waiting to be let in
                await anyio.sleep(LOOK_S)
            else:
                return

    def check(self) -> None:
        """Raise GoneError when hung up on, whether or not anything was read."""
        poll = select.poll()
        poll.register(self.socket, 0)
        if poll.poll(0):
            raise GoneError

    async def wait(self) -> None:
        """Do nothing until hung up on."""
        while True:
            self.check()
            await anyio.sleep(LOOK_S)

    async def send(self, data: bytes) -> None:
        """Send all of *data*, however long the daemon does not take it."""
        rest = memoryview(data)
        while rest:
            self.check()
            try:
                rest = rest[self.socket.send(rest) :]
            except BlockingIOError:
                await anyio.sleep(LOOK_S)
            except OSError:
                raise GoneError from None


async def never_read(rogue: Rogue) -> None:
    """Ask for everything, again and again, and take no answer."""
    await rogue.send(SUBSCRIBE)
    while True:
        await rogue.send(LIST * 10)


async def dribble(rogue: Rogue) -> None:
    """Send a request at a byte a second."""
    for byte in STATUS:
        await rogue.send(bytes([byte]))
        with anyio.move_on_after(1):
            await rogue.wait()


async def half_send(rogue: Rogue) -> None:
    """Send a megabyte of a request, and never its end."""
    await rogue.send(HUGE)
    await rogue.wait()


async def flood(rogue: Rogue) -> None:
    """Ask as fast as answers come; no rule is broken."""
    until = anyio.current_time() + STAY_S
    while anyio.current_time() < until:
        await rogue.send(STATUS * 20)
        with anyio.move_on_after(1):
            await anyio.wait_readable(rogue.socket)

        if not rogue.socket.recv(1 << 20):
            raise GoneError


async def pass_descriptors(rogue: Rogue) -> None:
    """Send open files along with half a request."""
    files = array.array("i", [sys.stdin.fileno()] * 100)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)]
    for _ in range(10):
        rogue.socket.sendmsg([b"{"], rights)
        await anyio.sleep(LOOK_S)
    await rogue.wait()


async def vanish(rogue: Rogue) -> None:
    """Come, begin to ask, and go, again and again; no rule is broken."""
    until = anyio.current_time() + STAY_S
    while anyio.current_time() < until:
        await rogue.send(STATUS[:20])
        await rogue.connect()


async def nest(rogue: Rogue) -> None:
    """Send megabytes of brackets, as fast as they are refused; no rule is broken."""
    until = anyio.current_time() + STAY_S
    while anyio.current_time() < until:
        for request in NESTED:
            await rogue.send(request)
            with anyio.move_on_after(1):
                await anyio.wait_readable(rogue.socket)

            if not rogue.socket.recv(1 << 20):
                raise GoneError


KINDS = (never_read, dribble, half_send, flood, pass_descriptors, vanish, nest)


async def misbehave(rogue: Rogue, conduct: Callable[[Rogue], Awaitable[None]]) -> None:
    """Be one rogue until hung up on, and say after how long that was."""
    began, gone = anyio.current_time(), "none"
    try:
        with anyio.move_on_after(LIMIT_S):
            await conduct(rogue)
    except (GoneError, ConnectionError):
        gone = f"{anyio.current_time() - began:.1f}"
    finally:
        rogue.socket.close()

    print(conduct.__name__, gone, flush=True)


async def main(path: str) -> None:
    rogues = [Rogue(path) for _ in range(COUNT)]
    for rogue in rogues:
        await rogue.connect()

    print("ready", flush=True)
    async with anyio.create_task_group() as group:
        for number, rogue in enumerate(rogues):
            group.start_soon(misbehave, rogue, KINDS[number % len(KINDS)])


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
