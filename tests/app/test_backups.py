"""The daily backup is asked for again and again, whatever the disk says."""

import anyio
from structlog.testing import capture_logs

from jarvisd.app.backup_schedule import CHECK_S, keep_backups
from jarvisd.base.errors import StoreError
from tests.support import FakeClock


class FailingOnce:
    """A store whose first backup finds no room."""

    def __init__(self) -> None:
        self.asked = 0

    async def backup(self) -> bool:
        self.asked += 1
        if self.asked == 1:
            raise StoreError("2 bytes should be free, 1 is")

        return True


async def test_a_backup_that_fails_is_told_and_asked_for_again() -> None:
    store, clock = FailingOnce(), FakeClock()

    with capture_logs() as logged:
        async with anyio.create_task_group() as group:
            group.start_soon(keep_backups, store, clock)
            await clock.advance(CHECK_S)
            await clock.advance(CHECK_S)
            group.cancel_scope.cancel()

    assert store.asked == 2
    assert [each["event"] for each in logged] == ["backup.failed"]
