"""Which rows are stored already: learned when questions are answered already.

Only what reads needs it, and a hundred thousand keys take a tenth of a second. Without
them no line is taken for new: the store is asked about each, as it is written.
"""

from typing import Final

import anyio
import structlog
from anyio.abc import TaskStatus

from jarvisd.accumulators.books import Books
from jarvisd.clock import Clock
from jarvisd.errors import StoreError
from jarvisd.store import Store

log = structlog.get_logger()

RETRY_S: Final = 10.0


async def learn_keys(
    store: Store,
    books: Books,
    clock: Clock,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Give *books* the keys of all that *store* holds.

    Started once they are known, or cannot be now: then it tries again until they are.
    """
    while True:
        try:
            books.know(await store.load_keys())
        except StoreError as exc:
            log.warning("books.keys_postponed", reason=str(exc))
            task_status.started()
            task_status = anyio.TASK_STATUS_IGNORED
            await clock.sleep_until(clock.monotonic() + RETRY_S)
        else:
            task_status.started()
            return
