"""A program that insists: it repeats each request, by its key, until it is answered.

    python -m tests.hostile.insistent SOCKET WORK NAME

It works until its standard input is closed; so it ends with whoever started it. Then
it says, as JSON, how many requests were answered and how often it had to ask again.
What it asks is told by a number alone: who knows how many were answered knows what
must be there.
"""

import json
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

from jarvisd.base.clock import SystemClock

PACE_S = 0.01
"""Between two requests."""

AGAIN_S = 0.02
"""Before the same request is made again; a start takes half a second."""

PATIENCE_S = 60.0
"""How long to ask for one answer, however often the daemon is killed meanwhile."""

SILENCE_S = 10.0
"""How long a daemon that accepted may say nothing; more than its own limit."""

FLEETING = frozenset({"not_ready", "busy", "timeout", "storage_degraded"})
"""Refusals after which the same request is right."""

CHATS = 3
TURN = 100
"""Calls of one session in a row; meanwhile the others are idle."""

END_EVERY = 250


class Request(NamedTuple):
    """One request."""

    method: str
    params: dict[str, Any]


class Insistent:
    """Asks until it is answered, over as many connections as that takes.

    Attributes:
        repeats: How often something had to be asked again.

    """

    def __init__(self, path: str) -> None:
        self.repeats = 0
        self._path = path
        self._socket: socket.socket | None = None
        self._answers: BinaryIO | None = None

    def ask(self, request: Request) -> Any:
        """Return the result of *request*.

        Raises:
            ValueError: It was refused for good.
            TimeoutError: There was no answer in time.

        """
        clock = SystemClock()
        give_up = clock.monotonic() + PATIENCE_S
        while clock.monotonic() < give_up:
            try:
                return self._asked_once(request)
            except (OSError, EOFError):
                self.hang_up()

            self.repeats += 1
            time.sleep(AGAIN_S)  # noqa: TID251 - a dead daemon cannot be awaited

        raise TimeoutError(request.method)

    def hang_up(self) -> None:
        """Close the connection if there is one; the next request opens another."""
        for each in (self._answers, self._socket):
            if each is not None:
                each.close()

        self._socket = self._answers = None

    def _asked_once(self, request: Request) -> Any:
        if self._socket is None or self._answers is None:
            self._socket, self._answers = self._connected()

        message = {"jsonrpc": "2.0", "id": 1} | request._asdict()
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise EOFError

        return _result(json.loads(line))

    def _connected(self) -> tuple[socket.socket, BinaryIO]:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(SILENCE_S)
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise

        return connection, connection.makefile("rb")


def content(name: str, number: int) -> str:
    """Return what message *number* says."""
    return f"{name} {number}"


def message(conversation_id: str, name: str, number: int) -> Request:
    """Return the request that saves message *number*."""
    params = {
        "conversation_id": conversation_id,
        "role": "user",
        "channel": name,
        "content": content(name, number),
        "key": f"{name}-{number}",
    }
    return Request("conversations.save_message", params)


def chat_call(name: str, number: int) -> Request:
    """Return call *number* of a chat program: answers, tools, errors, some ends."""
    given: dict[str, Any] = {"session_id": f"{name}-{number // TURN % CHATS}"}
    if number % END_EVERY == END_EVERY - 1:
        return Request("end_session", given)  # to end it twice is no harm

    given["key"] = f"k{number}"
    if number % 17 == 5:
        return Request("record_error", given)

    if number % 3 == 2:
        return Request("record_tool", given | {"tool_name": f"t{number % 5}"})

    numbers = {"tokens_in": number % 11, "tokens_out": 1 + number % 7}
    latency = {"latency_ms": 1 + number % 500}
    return Request("record_inference", given | numbers | latency)


def main(path: str, work: str, name: str) -> None:
    """Do *work* as *name* until the standard input is closed; print what was done."""
    client = Insistent(path)
    make = _work(client, work, name)
    answered = 0
    while not select.select([sys.stdin], [], [], PACE_S)[0]:
        client.ask(make(answered))
        answered += 1

    client.hang_up()
    print(json.dumps({"answered": answered, "repeats": client.repeats}))


def _work(client: Insistent, work: str, name: str) -> Callable[[int], Request]:
    if work == "record":
        return lambda number: chat_call(name, number)

    asked = Request("conversations.get_or_create", {"user_id": "shared"})
    id_ = client.ask(asked)["conversation"]["conversation_id"]
    return lambda number: message(id_, name, number)


def _result(answer: dict[str, Any]) -> Any:
    if "result" in answer:
        return answer["result"]

    kind = answer["error"]["data"]["kind"]
    if kind in FLEETING:
        raise ConnectionError(kind)

    raise ValueError(answer["error"])


if __name__ == "__main__":
    main(*sys.argv[1:])
