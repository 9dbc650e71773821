"""One conversation with the daemon: questions, answers, and notifications.

Plain blocking sockets; every wait has a limit. A `DaemonConnection` is one socket, and says
when it is lost.
"""

import os
import socket
import struct
from collections import deque
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from jarvisd import __version__
from jarvisd.base import paths
from jarvisd.base.errors import DaemonUnreachableError, ProtocolError
from jarvisd.base.wire_types import Params
from jarvisd.cli import waiting, wall_clock
from jarvisd.cli.client_failures import (
    AnswerTimeoutError,
    ConnectionLostError,
    UnreadableAnswerError,
)
from jarvisd.cli.output.terminal import command
from jarvisd.rpc.client_wire import Hello, HelloResult
from jarvisd.rpc.method_names import METHOD_NAMES

Answer = TypeVar("Answer")
"""A result's Struct, or `Fields`."""

Fields = dict[str, msgspec.Raw]
"""The fields of a result as they came: to be printed, not looked at."""

CONNECT_TIMEOUT_S = 2
ANSWER_TIMEOUT_S = 10.0
RECEIVE_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Ten thousand blocks are 6 MB; a daemon that sends more than this is not ours."""

MAX_UNREAD_NOTICES = 10_000

_CONNECT_TIMEOUT = struct.pack("ll", CONNECT_TIMEOUT_S, 0)
"""As the kernel wants it: seconds and microseconds."""


class _Error(msgspec.Struct):
    code: int
    message: str
    data: dict[str, int | float | str | bool | list[str] | None] = {}


class ServerMessage(msgspec.Struct):
    """What comes on the socket: an answer has an *id*, a notification a *method*."""

    id: int | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw()


class _Request(msgspec.Struct):
    id: int
    method: str
    params: Params
    jsonrpc: str = "2.0"


_decode_message = msgspec.json.Decoder(ServerMessage).decode


class DaemonConnection:
    """One socket to the daemon, after the greeting.

    Attributes:
        hello: The daemon's introduction: version, protocol, process.

    Raises:
        DaemonUnreachableError: Nobody listens there.

    """

    def __init__(self, path: str, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._unread = bytearray()
        self._searched = 0
        self._notices: deque[ServerMessage] = deque(maxlen=MAX_UNREAD_NOTICES)
        self._last_id = 0
        self._socket = _connected(path)
        try:
            self.hello = self.call(
                Hello(client="jarvisctl", version=__version__), HelloResult
            )
        except BaseException:
            self.close()
            raise

    def call(
        self, params: Params, answer: type[Answer], *, timeout_s: float | None = None
    ) -> Answer:
        """Ask what *params* are for, and return the answer.

        Raises:
            ConnectionLostError: The daemon went away before it answered.
            AnswerTimeoutError: It did not answer within *timeout_s*.
            ProtocolError: It refused; the message is its own.

        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        method = METHOD_NAMES[type(params).__name__]
        self._last_id += 1
        request = _Request(id=self._last_id, method=method, params=params)
        deadline = wall_clock.monotonic() + limit_s
        try:
            self._send(msgspec.json.encode(request) + b"\n", deadline)
            message = self._answer(deadline)
        except TimeoutError:
            # A late answer would be taken for that of the next question.
            self.close()
            raise AnswerTimeoutError(method, limit_s) from None

        return _result(method, message, answer)

    def _answer(self, deadline: float) -> ServerMessage:
        while True:
            message = self._receive(deadline)
            if message.method is None:
                return message

            self._notices.append(message)

    def notice(self, timeout_s: float) -> ServerMessage | None:
        """Return the next notification, or None when none comes within *timeout_s*.

        Raises:
            ConnectionLostError: The daemon went away.

        """
        if self._notices:
            return self._notices.popleft()

        try:
            return self._receive(wall_clock.monotonic() + timeout_s)
        except TimeoutError:
            return None

    def forget_notices(self) -> None:
        """Drop the notifications that came while an answer was awaited."""
        self._notices.clear()

    def fileno(self) -> int:
        """Return the descriptor to wait on; ask `notice` until it has none, first."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection. Harmless when done before."""
        self._socket.close()

    def _send(self, request: bytes, deadline: float) -> None:
        rest = memoryview(request)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                waiting.wait([], _left(deadline), writable=[self.fileno()])
            except OSError as exc:
                raise self._lost(exc.strerror or str(exc)) from exc

    def _receive(self, deadline: float) -> ServerMessage:
        while (end := self._unread.find(b"\n", self._searched)) < 0:
            self._searched = len(self._unread)
            self._unread += self._piece(deadline)

        line = bytes(memoryview(self._unread)[:end])
        del self._unread[: end + 1]
        self._searched = 0
        try:
            return _decode_message(line)
        except msgspec.MsgspecError as exc:
            raise UnreadableAnswerError("the socket", str(exc)) from exc

    def _piece(self, deadline: float) -> bytes:
        if len(self._unread) > MAX_ANSWER_BYTES:
            raise self._lost(f"an answer of more than {MAX_ANSWER_BYTES} bytes")

        while True:
            try:
                piece = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                waiting.wait([self.fileno()], _left(deadline))
            except OSError as exc:
                raise self._lost(exc.strerror or str(exc)) from exc
            else:
                break

        if not piece:
            raise self._lost("it closed the connection")

        return piece

    def _lost(self, reason: str) -> ConnectionLostError:
        return ConnectionLostError(self._path, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _connected(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Not `settimeout`: with it a full queue is an error at once, instead of a wait.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _CONNECT_TIMEOUT)
    try:
        client.connect(path)
        client.settimeout(0)
    except OSError as exc:
        client.close()
        reason = exc.strerror or str(exc)
        raise DaemonUnreachableError(path, reason, _remedy(path)) from exc

    return client


def _remedy(path: str) -> str:
    """Return the remedy where nobody listens at *path*."""
    from pathlib import Path  # noqa: PLC0415 - only where nobody listens

    found = (Path(paths.state_folder(os.environ)) / "run/rpc.sock").resolve()
    if found.exists() and str(found) != path:
        return f"Your daemon listens on {found}: set JARVISD_SOCKET to that."

    unit = Path(paths.config_home(os.environ)) / "systemd/user/jarvisd.service"
    if unit.exists():
        return f"Start it: `{command('service start')}`, or `jarvisd` in a terminal."

    install = command("service install")
    return f"Install it: `{install}`; or run `jarvisd` in a terminal."


def _left(deadline: float) -> float:
    """Return how long is left until *deadline*.

    Raises:
        TimeoutError: Nothing is.

    """
    left_s = deadline - wall_clock.monotonic()
    if left_s <= 0:
        raise TimeoutError

    return left_s


def _result(method: str, message: ServerMessage, answer: type[Answer]) -> Answer:
    match message.error:
        case _Error(code=number, message=text, data=data):
            kind = str(data.get("kind", "refused"))
            rest = {key: value for key, value in data.items() if key != "kind"}
            raise ProtocolError(number, kind, text, **rest)  # type: ignore[arg-type]

    return decode(method, message.result, answer)


def decode(method: str, raw: msgspec.Raw, form: type[Answer]) -> Answer:
    """Return *raw*, which came with *method*, as a *form*.

    Raises:
        UnreadableAnswerError: It is none.

    """
    try:
        return msgspec.json.decode(raw, type=form)
    except msgspec.MsgspecError as exc:
        raise UnreadableAnswerError(method, str(exc)) from exc
