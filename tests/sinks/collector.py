"""A collector on loopback that behaves as told, and remembers every byte it was sent."""

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNK = b"x" * 65_536

Answer = Callable[["Collector", socket.socket], None]


class Collector:
    """Listens while `running`; *answer* decides what the next requests get."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.answer: Answer = well
        self.released = threading.Event()
        self.flooded_bytes = 0
        self._server: socketserver.ThreadingTCPServer | None = None
        self._port = 0
        self._now = threading.local()

    @property
    def request(self) -> bytes:
        """The request that this thread is answering."""
        request: bytes = self._now.request
        return request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(each.partition(b"\r\n\r\n")[2]) for each in self.received]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.bodies for event in body["batch"]]

    def note(self, request: bytes) -> None:
        """Remember what has come."""
        self._now.request = request
        self.received.append(request)

    @property
    def insert_ids(self) -> list[str]:
        return [each["properties"]["$insert_id"] for each in self.events]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen, always on the same port; hold nobody up at the end."""
        collector = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # whoever asks may be killed meanwhile
                    collector.note(_request(self.request))
                    collector.answer(collector, self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = False

        self.released.clear()
        with Server(("127.0.0.1", self._port), Handler) as server:
            self._port = server.server_address[1]
            listening = threading.Thread(target=server.serve_forever, args=(0.01,))
            listening.start()
            try:
                yield
            finally:
                self.released.set()
                server.shutdown()
                listening.join()


def well(_collector: Collector, connection: socket.socket) -> None:
    connection.sendall(OK + b'Content-Length: 12\r\n\r\n{"status":1}')


def well_and_close(_collector: Collector, connection: socket.socket) -> None:
    """Answer 200 and not a byte more."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")


def status(number: int) -> Answer:
    def answer(_collector: Collector, connection: socket.socket) -> None:
        head = f"HTTP/1.1 {number} Whatever\r\nContent-Length: 5\r\n\r\nhello"
        connection.sendall(head.encode())

    return answer


def redirect(_collector: Collector, connection: socket.socket) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    connection.sendall(head)


def hang(collector: Collector, _connection: socket.socket) -> None:
    collector.released.wait()


def hang_up(_collector: Collector, _connection: socket.socket) -> None:
    return


def cut_off(_collector: Collector, connection: socket.socket) -> None:
    """Promise a hundred bytes and close after ten."""
    connection.sendall(OK + b"Content-Length: 100\r\n\r\n0123456789")


def drip(collector: Collector, connection: socket.socket) -> None:
    """Send a byte now and then, so that no limit between two bytes is met."""
    connection.sendall(OK + b"X-Endless: ")
    while not collector.released.wait(0.02):
        connection.sendall(b"x")


def flood(collector: Collector, connection: socket.socket) -> None:
    """Answer without an end."""
    connection.sendall(OK + b"\r\n")
    while not collector.released.is_set():
        connection.sendall(CHUNK)
        collector.flooded_bytes += len(CHUNK)


def _request(connection: socket.socket) -> bytes:
    connection.settimeout(30)
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)

    head, _, _ = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    while len(data) < len(head) + 4 + sum(lengths):
        data += _more(connection)

    return data


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the client hung up")

    return data
