"""All blocks, read page by page: an answer with tens of thousands is too long for one."""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from jarvisd.overview.wire import BlocksList, BlocksListResult

PAGE: Final = 2_000


def list_blocks(
    call: Callable[[BlocksList, type[BlocksListResult]], BlocksListResult],
    asked: BlocksList,
    *,
    first: Callable[[], Any] = lambda: None,
) -> BlocksListResult:
    """Return the blocks that *asked* selects, with the revision of the first page.

    *first* is called after the first page: what comes from then on may be newer. A block
    that changed meanwhile may have left the pages that were still to come, so those that
    changed are asked for in the end.
    """
    whole = page = call(replace(asked, limit=PAGE), BlocksListResult)
    first()
    if page.next is None:
        return whole

    found = {each.block_id: each for each in page.blocks}
    while page.next is not None:
        page = call(replace(asked, limit=PAGE, after=page.next), BlocksListResult)
        found |= {each.block_id: each for each in page.blocks}

    changed = call(replace(asked, since=whole.revision), BlocksListResult)
    found |= {each.block_id: each for each in changed.blocks}
    return replace(whole, blocks=list(found.values()))
