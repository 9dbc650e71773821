"""All blocks: the memory that queries are answered from."""

from collections import ChainMap
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from jarvisd.base.errors import ProtocolError
from jarvisd.base.paging import Place
from jarvisd.core.block import Block
from jarvisd.core.newest_first import NewestFirst
from jarvisd.core.origin import BlockId
from jarvisd.core.projects import Projects
from jarvisd.core.publisher import Publish, ignore


class FolderMet(NamedTuple):
    """Somebody works in a folder that no block was of before."""

    folder: str


class BlockChanged(NamedTuple):
    """A block has other counts, or its session another state."""

    block: Block


@dataclass(slots=True)
class AgentTotals:
    """The sums over one agent's blocks."""

    agent: str
    blocks: int = 0
    line_count: int = 0
    char_count: int = 0
    oversize_count: int = 0
    last_activity_ms: int | None = None


@dataclass(slots=True)
class _Counted:
    """What of a block is in its agent's totals already."""

    line_count: int = 0
    char_count: int = 0
    oversize_count: int = 0


@dataclass(slots=True)
class Blocks:
    """Every block by id, and their totals by agent.

    Blocks that are not shown are kept apart: they are stored, and no answer, total or
    notice has them. See `Block.is_shown`.

    A block belongs to one of *projects*; changes are published.

    Totals and the set of live blocks are kept up to date by each change, so the
    whole picture costs the same with ten blocks and with ten thousand.
    """

    projects: Projects = field(default_factory=Projects)
    publish: Publish = ignore
    totals: dict[str, AgentTotals] = field(default_factory=dict)
    _by_id: dict[BlockId, Block] = field(default_factory=dict)
    _not_shown: dict[BlockId, Block] = field(default_factory=dict)
    _counted: dict[BlockId, _Counted] = field(default_factory=dict)
    # Live or ahead of the clock, by activity: a change moves its block to the end.
    _recent: dict[BlockId, Block] = field(default_factory=dict)
    # Projects that are no worktrees, as far as is known.
    _placed: set[str] = field(default_factory=set)
    # Those of another project than they are stored with.
    _moved: dict[BlockId, Block] = field(default_factory=dict)
    _asked_ms: int = 0
    changes: int = 0
    _order: NewestFirst[Block] = field(init=False)

    def __post_init__(self) -> None:
        self._order = NewestFirst(self._by_id.values, _last_ms, _id_of)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._by_id.values())

    def newest_first(self, after: Place | None = None) -> Iterator[Block | None]:
        """Yield the blocks behind the place *after*, newest activity first.

        None is a turn for others.
        """
        return self._order.walk(after)

    def place_of(self, block: Block) -> Place:
        """Return the place of *block* among the newest."""
        return self._order.place_of(block)

    def stored(self) -> Collection[Block]:
        """Return a view of all blocks that are stored, shown or not."""
        return ChainMap(self._by_id, self._not_shown).values()

    def add(self, block: Block, now_ms: int) -> None:
        """Take *block* in; its counts so far enter the totals, nobody is told."""
        if not block.is_shown:
            self._not_shown[block.block_id] = block
            return

        self._by_id[block.block_id] = block
        self.place(block)
        if self._order.changed is not None:
            self._order.changed[block.block_id,] = block

        self._counted[block.block_id] = _Counted()
        self._totals_of(block).blocks += 1
        self._count(block, now_ms)

    def place(self, block: Block) -> None:
        """Assign *block* to the project that its folder is a worktree of.

        Cheap where nothing is new. Its project may identify worktrees of others, so
        `take_moved` has all blocks that have another one now.
        """
        origin, folder = block.origin, block.origin.project
        if folder is None or folder in self._placed:
            return

        self.publish(FolderMet(folder))
        project = self.projects.of(folder)
        if project != folder:
            block.origin = replace(origin, project=project)
            self._moved[block.block_id] = block

        self._placed.add(project)
        if self.projects.meet(project):
            self.place_again()

    def place_again(self) -> None:
        """Find the projects of all blocks anew."""
        self._placed.clear()
        for each in self:
            self.place(each)

    def take_moved(self) -> Collection[Block]:
        """Return the blocks that have another project since the last call."""
        moved, self._moved = self._moved, {}
        return moved.values()

    def changed(self, block: Block, now_ms: int) -> None:
        """Count the changes of *block* in the totals, and publish that it has changed."""
        if block.block_id in self._not_shown:
            if not block.is_shown:
                return

            self.add(self._not_shown.pop(block.block_id), now_ms)

        if self._order.changed is not None:
            self._order.changed[block.block_id,] = block

        self._count(block, now_ms)
        self.changes += 1
        self.publish(BlockChanged(block))

    def get(self, block_id: BlockId) -> Block | None:
        """Return the block with exactly this id."""
        return self._by_id.get(block_id)

    def find(self, prefix: str) -> Block:
        """Return the one block whose id starts with *prefix*.

        Raises:
            ProtocolError: None does (unknown_block), or several do (ambiguous_block).

        """
        exact = self._by_id.get(BlockId(prefix))
        if exact is not None:
            return exact

        matches = [each for each in self._by_id if each.startswith(prefix)]
        if prefix and len(matches) == 1:
            return self._by_id[matches[0]]

        if prefix and matches:
            raise ProtocolError(
                -32005,
                "ambiguous_block",
                f"{len(matches)} blocks start with {prefix!r}; give more of the id",
            )
        raise ProtocolError(-32005, "unknown_block", f"no block {prefix!r}")

    def live(self, now_ms: int) -> list[Block]:
        """Return the live blocks, newest activity first."""
        if now_ms < self._asked_ms:
            self._recall(now_ms)

        self._asked_ms = now_ms
        while self._recent and not _is_recent(self._oldest, now_ms):
            del self._recent[self._oldest.block_id]

        return [
            each for each in reversed(self._recent.values()) if each.is_live(now_ms)
        ]

    @property
    def _oldest(self) -> Block:
        return next(iter(self._recent.values()))

    def _recall(self, now_ms: int) -> None:
        """Look at all again: the clock was set back, so some may be live once more."""
        recent = [each for each in self if _is_recent(each, now_ms)]
        recent.sort(key=lambda each: each.last_activity_ms or 0)
        self._recent = {each.block_id: each for each in recent}

    def _count(self, block: Block, now_ms: int) -> None:
        block_id = block.origin.block_id
        totals, counted = self._totals_of(block), self._counted[block_id]
        totals.line_count += block.line_count - counted.line_count
        totals.char_count += block.char_count - counted.char_count
        counted.line_count, counted.char_count = block.line_count, block.char_count
        if block.oversize_count != counted.oversize_count:
            totals.oversize_count += block.oversize_count - counted.oversize_count
            counted.oversize_count = block.oversize_count

        last_ms = block.last_activity_ms
        if last_ms is None:
            return

        newest_ms = totals.last_activity_ms
        if newest_ms is None or newest_ms > now_ms or newest_ms < last_ms:
            totals.last_activity_ms = last_ms  # what lay ahead was a wrong clock's

        self._recent.pop(block_id, None)
        if _is_recent(block, now_ms):
            self._recent[block_id] = block

    def _totals_of(self, block: Block) -> AgentTotals:
        agent = block.origin.agent
        totals = self.totals.get(agent)
        if totals is None:
            totals = self.totals[agent] = AgentTotals(agent)
        return totals


def _is_recent(block: Block, now_ms: int) -> bool:
    """Whether *block* is live, or will be once the clock is right again."""
    return block.is_live(max(now_ms, block.last_activity_ms or now_ms))


def _last_ms(block: Block) -> int:
    return block.last_activity_ms or 0


def _id_of(block: Block) -> tuple[str]:
    return (block.block_id,)
