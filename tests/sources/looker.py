"""The daemon's reading without its tasks: it looks when told, and can be killed."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import anyio

from jarvisd.blocks.model import SavedBlock, restored_block, saved_block
from jarvisd.core.block import Block
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.discovery.scan import walk
from jarvisd.core.discovery.scheduler import Scheduler
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.intake import Intake
from jarvisd.core.roots import Place, Position, Tree
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine
from jarvisd.overview.sessions import Sessions
from tests.agents.found import AGENTS
from tests.sources.disk import EVENT, FIRST_MS
from tests.support import FakeClock, FakeStore, build_flusher

YEAR_MS = 365 * 86_400_000


class CountingIntake(Intake):
    """Notes which events were counted, and how often."""

    counted: Counter[int]

    def begin(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        position: Position,
        *,
        written_ms: int | None = None,
        more: bool = False,
    ) -> None:
        super().begin(block, lines, position, written_ms=written_ms, more=more)
        texts = (each.text for each in lines if isinstance(each, TextLine))
        found = (EVENT.fullmatch(text) for text in texts)
        self.counted.update(int(each[1]) for each in found if each)


class Looker:
    """Reads all of *root* when told; what was stored survives it."""

    def __init__(self, root: Path) -> None:
        self._trees = (_tree(root),)
        self._clock = FakeClock()
        # Before all times of the disk, so that a file found later is no history.
        self._clock.step_wall(FIRST_MS - YEAR_MS - self._clock.unix_ms())
        self._saved: list[SavedBlock] = []
        self._saved_counts: Counter[int] = Counter()
        self.start()

    @property
    def counted(self) -> Counter[int]:
        """Return how often each event is counted now."""
        return self._intake.counted

    @property
    def lines(self) -> int:
        """Return the lines of all blocks."""
        return sum(each.line_count for each in self._blocks)

    def generation(self, path: Path) -> int:
        """Return how often the file at *path* was found to be written again."""
        known = self._reader.file_registry.get(str(path))
        return known.position.generation if known is not None else 0

    def start(self) -> None:
        """Begin with what is stored: after `kill` or `store`."""
        sessions = Sessions()
        self._blocks = sessions.blocks
        flusher = build_flusher(FakeStore(), self._clock, sessions)
        self._intake = CountingIntake(
            self._blocks, flusher, self._clock, agents=AGENTS.named
        )
        self._intake.counted = self._saved_counts.copy()
        reconciler = Reconciler(
            self._trees, self._clock, excluded=lambda _: False, max_pause_s=2
        )
        self._reader = Scheduler(reconciler, self._intake)
        self._has_looked = False
        self._followed: set[TrackedFile] = set()
        for each in self._saved:
            block = restored_block(each)
            self._blocks.add(block, 0)
            self._reader.restore(block)

    def kill(self) -> None:
        """Lose what is not stored."""
        self._reader.handles.close()
        self.start()

    def store(self) -> None:
        """Store counts and positions, all in one."""
        self._saved = [saved_block(each) for each in self._blocks]
        self._saved_counts = self.counted.copy()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._clock._move_to(self._clock.monotonic() + seconds)

    def look(self, order: Random | None = None) -> None:
        """Scan, in *order*, and read, as `sync` does; the first time as at a start."""
        historic, self._has_looked = not self._has_looked, True
        if historic:
            self._scan(order, historic=True)

        reader = self._reader
        seen = self._scan(order)
        for known in reader.file_registry:
            if known.path not in seen and not known.block.ended:
                known.wakes += 1

        if reader._history._waiting:
            anyio.run(reader._history.read)

        for known in reader.file_registry:
            if known.done < known.wakes and known.backlog_bytes is None:
                self._drain(known)

        unread = [each.path for each in reader.file_registry if each.done < each.wakes]
        assert not unread, f"nobody reads {unread}"

    def _scan(self, order: Random | None, *, historic: bool = False) -> set[str]:
        folders = walk(self._trees[0], lambda _: False)
        files = [found for folder in folders for found in folder.files]
        if order is not None:
            order.shuffle(files)

        for found in files:
            self._reader.record_found(found, historic=historic)

        return {found.path for found in files}

    def _drain(self, known: TrackedFile) -> None:
        if known not in self._followed:
            self._followed.add(known)
            known.source.remember(known.position)

        for _ in range(1000):
            if not self._reader.slice_reader.read_slice(known):
                self._reader._fairness.mark_done(known, known.wakes)
                return

        raise AssertionError(f"{known.path} never ends")

    def close(self) -> None:
        """Let go of all files."""
        self._reader.handles.close()


def _tree(root: Path) -> Tree:
    return Tree(
        agent="claude",
        root=root,
        place=lambda parts: Place() if parts[-1].endswith(".jsonl") else None,
        enters=lambda parts: len(parts) == 1,
    )
