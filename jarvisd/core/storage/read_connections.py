"""Read-only connections: a permanent one for queries, and one for each long task."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import anyio

from jarvisd.core.storage.database import connect_reader, snapshot, store_errors
from jarvisd.core.storage.sqlite_connection import SqliteConnection, Unit

READ_TIMEOUT_S: Final = 5.0
"""The timeout of a query, for which all others wait."""

T = TypeVar("T")


class ReadConnections:
    """One read-only connection to the database at *path*, opened at the first query."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: SqliteConnection | None = None
        self._generation = 0
        self._turn = anyio.Lock()

    async def read(self, query: Unit[T], *, generation: int) -> T:
        """Run *query* and return its result; see `Store.read`.

        A *generation* other than the last one means that the file was replaced.
        """
        late = "the query takes too long; ask for a shorter time"
        with store_errors(self._path, overdue=late), anyio.fail_after(READ_TIMEOUT_S):
            async with self._turn:
                connection = await self._current(generation)
                return await connection.run(partial(snapshot, query))

    async def close(self) -> None:
        """Close the connection if it is open, within a timeout."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _current(self, generation: int) -> SqliteConnection:
        # The connection still reads the old file, which has no name any more.
        if self._generation != generation:
            await self.close()

        if self._connection is None:
            connection = SqliteConnection(partial(connect_reader, self._path))
            await connection.open()
            self._connection, self._generation = connection, generation
        return self._connection


async def read_once(
    path: Path,
    unit: Unit[T],
    *,
    connect: Callable[[Path], sqlite3.Connection],
    limit_s: float,
) -> T:
    """Run *unit* on a connection that *connect* opens only for it; return its result.

    For long tasks: neither queries nor flushes wait for it.

    Raises:
        StoreError: The unit failed, or took longer than *limit_s*.

    """
    with store_errors(path), anyio.fail_after(limit_s):
        connection = SqliteConnection(partial(connect, path))
        await connection.open()
        try:
            return await connection.run(unit)
        finally:
            await connection.close()
