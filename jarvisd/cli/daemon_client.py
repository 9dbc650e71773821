"""For commands that ask and go: connects when first asked, survives one restart.

All methods that commands use may safely be asked twice, so a question that was lost
with the connection is asked once more.
"""

from types import TracebackType
from typing import Self

from jarvisd.base.wire_types import Params
from jarvisd.cli.client_failures import ConnectionLostError
from jarvisd.cli.daemon_connection import ANSWER_TIMEOUT_S, Answer, DaemonConnection


class Client:
    """Asks the daemon of this user; hold it in a `with`."""

    def __init__(self, path: str, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._connection: DaemonConnection | None = None

    def call(
        self, params: Params, answer: type[Answer], *, timeout_s: float | None = None
    ) -> Answer:
        """Ask, and ask once more when the connection broke; see `DaemonConnection.call`."""
        try:
            return self.connection().call(params, answer, timeout_s=timeout_s)
        except ConnectionLostError:
            self.close()
            return self.connection().call(params, answer, timeout_s=timeout_s)

    def connection(self) -> DaemonConnection:
        """Return the open connection, after opening one where there is none."""
        if self._connection is None:
            self._connection = DaemonConnection(self.path, timeout_s=self._timeout_s)

        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
