"""The feature that counts the items of blocks, and stores blocks with their counts."""

from jarvisd.blocks.counting import count, count_outlined, date
from jarvisd.blocks.model import SavedBlock, saved_block
from jarvisd.core.block_registry import Blocks
from jarvisd.core.feature import Feature, Mode, Scope, Slice


class BlockCounts(Feature):
    """Counts the items of each slice in its block, which belongs to *blocks*."""

    has_cursors = True

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._refused: list[str] = []

    def applied(self, part: Slice) -> None:
        """Count the items of *part*, and record their session and times."""
        if part.mode is Mode.REREAD:
            return

        block = part.stream
        before = block.line_count
        count(block, part.items, part.records)
        self._blocks.place(block)
        part.has_grown = block.line_count > before
        if part.has_grown and part.mode is Mode.LIVE:
            block.rate.add(block.line_count - before, part.now_ms)
            block.came_at(part.now_ms)
        elif part.has_grown:
            times = [each.at_ms for each in part.records if each is not None]
            known = [each for each in times if each is not None]
            date(block, known, part.written_ms)

    def counted(self, part: Slice) -> None:
        """Count the items of *part*, and no more."""
        block = part.stream
        before = block.line_count
        outline = count_outlined(block, part.items, part.agent.outline)
        self._blocks.place(block)
        part.has_grown = block.line_count > before
        if part.has_grown and part.mode is Mode.LIVE:
            block.rate.add(block.line_count - before, part.now_ms)
            block.came_at(part.now_ms)
        elif part.has_grown:
            date(block, outline.times(), part.written_ms)

    def take(self, scope: Scope) -> tuple[SavedBlock, ...] | None:
        """Return the rows of the blocks in *scope*."""
        saved = tuple(saved_block(each) for each in scope.streams)
        for block, row in zip(scope.streams, saved, strict=True):
            if block.memory is not None and not row.ledger_memory:
                self._refused.append("memory of a block")

        return saved or None

    def take_refused(self) -> list[str]:
        """Return the kind of each row that could not be built since the last call."""
        refused, self._refused = self._refused, []
        return refused
