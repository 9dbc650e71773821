"""Asks the store for its daily backup, and takes no for an answer."""

from typing import Protocol

import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError

log = structlog.get_logger()

CHECK_S = 3600.0
"""How often to ask whether a backup is due; the store knows."""


class BackupStore(Protocol):
    """What is needed of the store."""

    async def backup(self) -> bool:
        """Make the day's backup if it is due, or raise StoreError."""
        ...


async def keep_backups(store: BackupStore, clock: Clock) -> None:
    """See that there is a backup a day, until cancelled.

    One that fails, on a full disk for instance, is tried again at the next check.
    """
    while True:
        await clock.sleep_until(clock.monotonic() + CHECK_S)
        try:
            await store.backup()
        except StoreError as exc:
            log.warning("backup.failed", reason=str(exc))
