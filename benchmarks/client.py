"""A blocking client of the daemon's socket, as small as a shell user would write it."""

import json
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from benchmarks.errors import RigError

PATIENCE_S = 60.0
"""No answer may take longer; `sync` of a gigabyte comes nearest."""


class Seen(NamedTuple):
    """A block as an event showed it, and when the event was here."""

    at_ns: int
    path: str
    bytes_read: int


class AnswerError(RigError):
    """The daemon answered with an error."""


class Client:
    """One connection. Use it in a `with` block."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

        self._rest = b""
        self._lines: deque[tuple[int, bytes]] = deque()
        self._events: list[tuple[int, dict[str, Any]]] = []
        self._id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def ask(self, method: str, **params: object) -> Any:
        """Return the result of *method*; events that come meanwhile are kept.

        Raises:
            AnswerError: The daemon refused.

        """
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            at_ns, text = self._next_line()
            answer = json.loads(text)
            if answer.get("id") == self._id:
                break

            self._keep(at_ns, answer)

        if "error" in answer:
            raise AnswerError(f"{method}: {answer['error']}")

        return answer["result"]

    def time_lock_step(self, method: str, times: int, **params: str) -> list[float]:
        """Ask *method* again and again; return what each answer took, in ms.

        Bytes only: what decoding would cost here is not the daemon's.
        """
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = json.dumps(asked).encode() + b"\n"
        taken = []
        for _ in range(times):
            started = time.perf_counter()
            self._socket.sendall(request)
            while not self._socket.recv(1 << 20).endswith(b"\n"):
                pass
            taken.append((time.perf_counter() - started) * 1e3)

        return taken

    def time_apart(self, method: str, times: int, pause_s: float) -> list[float]:
        """The same with a pause before each, in which things may change."""
        taken = []
        for _ in range(times):
            time.sleep(pause_s)  # noqa: TID251 - so asks a status bar
            taken += self.time_lock_step(method, 1)

        return taken

    def listen(self, seconds: float) -> None:
        """Take in events for *seconds*."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if self._lines or select.select([self._socket], [], [], left)[0]:
                self._keep(*self._next_line())

    def told(self, topic: str, matches: Callable[[dict[str, Any]], bool]) -> int:
        """Return when the first event of *topic* was here whose data *matches*.

        Raises:
            RigError: None came within PATIENCE_S.

        """
        deadline = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < deadline:
            events, self._events = self._events, []
            for at_ns, event in events:
                if event["topic"] == topic and matches(event["data"]):
                    return at_ns

            self._keep(*self._next_line())

        raise RigError(f"no event of {topic} came that was waited for")

    def seen(self) -> list[Seen]:
        """Return the blocks that events have shown so far, oldest first."""
        return [
            Seen(at_ns, event["data"]["path"], event["data"]["bytes_read"])
            for at_ns, event in self._events
            if event.get("topic") == "blocks"
        ]

    def _keep(self, at_ns: int, message: bytes | dict[str, Any]) -> None:
        if isinstance(message, bytes):
            message = json.loads(message)

        assert isinstance(message, dict)
        if message.get("method") == "event":
            self._events.append((at_ns, message["params"]))

    def _next_line(self) -> tuple[int, bytes]:
        while not self._lines:
            received = self._socket.recv(1 << 20)
            if not received:
                raise RigError("the daemon closed the connection")

            at_ns = time.perf_counter_ns()
            *lines, self._rest = (self._rest + received).split(b"\n")
            self._lines.extend((at_ns, each) for each in lines)

        return self._lines.popleft()
