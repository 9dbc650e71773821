"""Hands batches of lines to the daemon, each exactly once.

Batches are numbered by the daemon. One is on its way at a time; when its answer is lost
with the connection, opening the block again shows whether it was stored.
"""

import os

from jarvisd.base.errors import DaemonUnreachableError, JarvisError, ProtocolError
from jarvisd.cli import waiting, wall_clock
from jarvisd.cli.client_failures import AnswerTimeoutError
from jarvisd.cli.daemon_connection import ANSWER_TIMEOUT_S, DaemonConnection
from jarvisd.cli.line_batches import LineBatch
from jarvisd.core.origin import BlockId, BlockView
from jarvisd.core.wire import (
    PushClose,
    PushLines,
    PushLinesResult,
    PushOpen,
    PushOpenResult,
)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
COMMIT_TIMEOUT_S = 30.0
_PASSING_KINDS = frozenset({"busy", "not_ready", "timeout", "storage_degraded"})


def new_block_id() -> BlockId:
    """Return an id that nobody else will choose."""
    return BlockId(os.urandom(8).hex())


def may_pass(error: JarvisError) -> bool:
    """Whether trying again later may help."""
    match error:
        case DaemonUnreachableError() | AnswerTimeoutError():
            return True
        case ProtocolError(kind=kind):
            return kind in _PASSING_KINDS
        case _:
            return False


class Pauses:
    """Growing pauses between attempts, up to a limit."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def next_s(self) -> float:
        """Return how long to wait before the next attempt."""
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return pause_s


class Delivery:
    """One pushed block, as its sender sees it.

    Attributes:
        stored_lines: How many lines the daemon has acknowledged as committed.

    """

    def __init__(self, path: str, opening: PushOpen) -> None:
        self.stored_lines = 0
        self._path = path
        self._opening = opening
        self._connection: DaemonConnection | None = None
        self._next_seq = 0
        self._unanswered_seq: int | None = None
        self._was_opened = False

    @property
    def was_opened(self) -> bool:
        """Whether the daemon ever knew of this block."""
        return self._was_opened

    def open(self) -> None:
        """Make the block known before there is a line.

        Raises:
            JarvisError: It is not known to be open.

        """
        self._opened()

    def deliver(self, batch: LineBatch) -> None:
        """Return once *batch* is committed.

        After an error that `may_pass`, call again with the same batch.

        Raises:
            JarvisError: It is not known to be committed.

        """
        connection = self._opened()
        if self._unanswered_seq is None or self._next_seq <= self._unanswered_seq:
            self._unanswered_seq = self._next_seq
            self._send(connection, batch)

        self._unanswered_seq = None
        self.stored_lines += len(batch)

    def close(
        self, exit_status: int | None = None, *, timeout_s: float = COMMIT_TIMEOUT_S
    ) -> None:
        """Close the block, and the connection.

        Raises:
            JarvisError: The daemon could not be reached.

        """
        ending = PushClose(block_id=self._opening.block_id, exit_status=exit_status)
        connection = self._opened(min(timeout_s, ANSWER_TIMEOUT_S))
        try:
            connection.call(ending, BlockView, timeout_s=timeout_s)
        finally:
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; the next call opens one again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self, timeout_s: float = ANSWER_TIMEOUT_S) -> DaemonConnection:
        if self._connection is None:
            connection = DaemonConnection(self._path, timeout_s=timeout_s)
            try:
                answer = connection.call(self._opening, PushOpenResult)
            except BaseException:
                connection.close()
                raise

            self._next_seq = answer.next_seq
            self._connection = connection
            self._was_opened = True

        return self._connection

    def _send(self, connection: DaemonConnection, batch: LineBatch) -> None:
        request = PushLines(
            block_id=self._opening.block_id,
            seq=self._next_seq,
            lines=batch.lines,
            oversize_chars=batch.oversize_chars,
        )
        try:
            answer = connection.call(
                request, PushLinesResult, timeout_s=COMMIT_TIMEOUT_S
            )
        except BaseException:
            # Whatever it was: the next attempt asks again how far we are.
            self.hang_up()
            raise

        self._next_seq = answer.next_seq


def wait_patiently(pauses: Pauses, error: JarvisError, deadline: float) -> None:
    """Wait before the next attempt.

    Raises:
        JarvisError: *error*, when it will not pass or *deadline* would be missed.

    """
    pause_s = pauses.next_s()
    if not may_pass(error) or wall_clock.monotonic() + pause_s > deadline:
        raise error

    waiting.wait([], pause_s)
