"""Connections between real processes."""

from pathlib import Path

from jarvisd.presence.peers import connected_clients
from tests.presence.rig import agent
from tests.support import eventually

LISTENS = """
import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind({path!r})
listener.listen()
"""
ACCEPTS = """
import threading
ends = []
threading.Thread(target=lambda: ends.append(listener.accept()), daemon=True).start()
"""
CONNECTS = """
import socket
connection = socket.socket(socket.AF_UNIX)
connection.connect({path!r})
"""


def listening(path: Path) -> str:
    return LISTENS.format(path=str(path))


def accepting(path: Path) -> str:
    """Return code that listens on *path* and takes what connects."""
    return listening(path) + ACCEPTS


def connecting(path: Path) -> str:
    return CONNECTS.format(path=str(path))


async def test_who_is_connected_is_known_and_who_is_not(tmp_path: Path) -> None:
    path, other = tmp_path / "s", tmp_path / "o"
    with (
        agent("codex", code=accepting(path)) as server,
        agent("codex", code=listening(other)),
        agent("codex", code=connecting(path)) as client,
        agent("codex", code=connecting(other)) as stranger,
    ):
        asked = [client.pid, stranger.pid, server.pid]
        await eventually(lambda: connected_clients(server.pid, asked) == {client.pid})


def test_of_a_process_that_is_not_there_nothing_is_known() -> None:
    nobody = 2**22 + 1
    assert connected_clients(nobody, []) is None
