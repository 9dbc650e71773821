"""Which rows are stored already: learned after the start, while all else goes on.

Nobody who asks needs it, and a hundred thousand keys take a tenth of a second. Until they
are here, no line is taken for new: the store is asked about each, as it is written.
"""

from typing import Final

import structlog

from jarvisd.accumulators.books import Books
from jarvisd.clock import Clock
from jarvisd.errors import StoreError
from jarvisd.store import Store

log = structlog.get_logger()

RETRY_S: Final = 10.0


async def learn_keys(store: Store, books: Books, clock: Clock) -> None:
    """Give *books* the keys of all that *store* holds, however long that takes."""
    while True:
        try:
            books.know(await store.load_keys())
        except StoreError as exc:
            log.warning("books.keys_postponed", reason=str(exc))
            await clock.sleep_until(clock.monotonic() + RETRY_S)
        else:
            return
