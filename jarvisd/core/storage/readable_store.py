"""The part of the store that methods of features use."""

from typing import Protocol, TypeVar

from jarvisd.core.storage.sqlite_connection import Unit

T = TypeVar("T")


class ReadableStore(Protocol):
    """Runs queries and single changes; what fails raises `StoreError`."""

    async def read(self, query: Unit[T], /) -> T:
        """Run *query* on a read-only connection, and return its result."""
        ...

    async def change(self, unit: Unit[None], /) -> None:
        """Run *unit* in a transaction."""
        ...
