"""Random writers against the tail engine: nothing lost, nothing counted twice.

What is promised, for every event that stood in a whole line of a transcript when the
daemon looked:

    counted at least once    always
    counted at most once     through appends, torn lines, moves, rotations, hard links,
                             copies written aside and renamed, deletions, restarts and
                             kills; and for files cut or rewritten while followed
    counted once more        what is left of a file that was cut, or rewritten with the
                             same beginning, before this daemon had read it from its
                             start, or if the daemon was killed before it stored that;
                             what a copy or a fork holds
    not counted              what was gone before anybody looked

Being stopped and going on is not looking for a while. Modes are left out, since root
reads whatever they say; e2e/test_bad_input.py has a daemon that cannot.
"""

import os
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jarvisd.core.sources.jsonlines.leaving import SILENT_S
from tests.sources.disk import Disk, events_of
from tests.sources.looker import Looker

NAMES = st.sampled_from(["p/1", "p/2", "q/1", "q/3"])
SOME = st.integers(1, 3)
EXAMPLES = int(os.environ.get("JARVISD_EXAMPLES", "200"))


class Writers(RuleBasedStateMachine):
    """Writers, a daemon, and what may be expected of it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="jv-")
        self.disk = Disk(Path(self._folder.name))
        self.looker = Looker(self.disk.root)
        self.looked_at: set[int] = set()
        self.stored: set[int] = set()
        self.looker.look()
        self.has_looked = True
        """The daemon has looked since it began; before it does, it is off."""
        self.old_files: set[int] = set()
        """Inodes of which the daemon does not remember each line."""
        self.files_looked_at: set[int] = set()
        """Inodes that the last look saw."""
        self.cut_events: set[int] = set()
        """Events left by cuts that no stored look has seen yet."""
        self.cut_and_looked_at: set[int] = set()

    def teardown(self) -> None:
        self.looker.close()
        self._folder.cleanup()

    @rule(name=NAMES, count=SOME)
    def append(self, name: str, count: int) -> None:
        path = self.disk.path(name)
        path.touch()
        self.disk.append(path, count)

    @rule(name=NAMES)
    def append_a_part_of_a_line(self, name: str) -> None:
        path = self.disk.path(name)
        path.touch()
        self.disk.tear(path)

    @rule(name=NAMES, to=NAMES)
    def rename(self, name: str, to: str) -> None:
        self._move(self.disk.path(name), self.disk.path(to))

    @rule(name=NAMES)
    def rotate(self, name: str) -> None:
        path = self.disk.path(name)
        self._move(path, path.with_suffix(".jsonl.1"))

    @rule(name=NAMES, count=SOME)
    def append_to_the_rotated_file(self, name: str, count: int) -> None:
        path = self.disk.path(name).with_suffix(".jsonl.1")
        if path.exists():
            self.disk.append(path, count)

    @rule(name=NAMES, to=NAMES)
    def bring_back_a_rotated_file(self, name: str, to: str) -> None:
        path = self.disk.path(name).with_suffix(".jsonl.1")
        if path.exists():
            self.disk.allow_again(path)
            self._move(path, self.disk.path(to))

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self.disk.path(name).unlink(missing_ok=True)

    @rule(name=NAMES, to=NAMES)
    def link(self, name: str, to: str) -> None:
        path, other = self.disk.path(name), self.disk.path(to)
        if path.exists() and not other.exists():
            if path.stat().st_ino not in self.files_looked_at:
                self.disk.allow_again(path)  # nobody knows which of both is the second

            other.hardlink_to(path)

    @rule(name=NAMES, to=NAMES)
    def copy(self, name: str, to: str) -> None:
        path, other = self.disk.path(name), self.disk.path(to)
        if path.exists() and not other.exists():
            self.disk.allow_again(path)
            self.disk.copy(path, other)

    @rule(name=NAMES, keep=st.floats(0, 1), new=st.integers(0, 3), aside=st.booleans())
    def cut(self, name: str, keep: float, new: int, *, aside: bool) -> None:
        path = self.disk.path(name)
        if not path.exists():
            return

        seen = path.stat()
        if aside and seen.st_nlink > 1:
            self.disk.allow_again(path)  # the other name keeps all of it

        before = set(events_of(path))
        self.disk.cut(path, keep, new, aside=aside)
        self._kept(before, path, seen.st_ino)

    @rule(name=NAMES, count=st.sampled_from([0, 200]), is_edited=st.booleans())
    def empty_look_and_fill_again(
        self, name: str, count: int, *, is_edited: bool
    ) -> None:
        path = self.disk.path(name)
        if not path.exists() or path.stat().st_nlink > 1:
            return

        self.disk.append(path, count)  # so that neither head nor mark shows the edit
        self.look()
        before, data = self.looker.generation(path), path.read_bytes()
        events = set(events_of(path))
        self.disk.rewrite(path, b"", aside=False)
        self.look()
        again = self.disk.edited(data) if is_edited else data
        self.disk.rewrite(path, again, aside=False)
        self._kept(events, path, path.stat().st_ino)
        self.look()
        assert again == data or self.looker.generation(path) > before

    @rule(name=NAMES, count=SOME)
    def truncate_under_a_writer_that_keeps_its_offset(
        self, name: str, count: int
    ) -> None:
        path = self.disk.path(name)
        if path.exists():
            data = bytes(path.stat().st_size) + self.disk.lines(count)
            self.disk.rewrite(path, data, aside=False)

    @rule(order=st.randoms(use_true_random=False))
    def look(self, order: Random | None = None) -> None:
        self.looker.look(order)
        self.looked_at |= self.disk.events()
        self.files_looked_at = {path.stat().st_ino for path in self.disk.all()}
        if not self.has_looked:
            self.has_looked = True
            self.old_files |= self.files_looked_at  # read as history, line by line
        self.cut_and_looked_at |= self.cut_events
        self.cut_events.clear()
        lost = self.looked_at - self.looker.counted.keys()
        assert not lost, f"{lost} are lost"

    @rule()
    def store(self) -> None:
        self.looker.store()
        self.stored = self.looked_at.copy()
        self.cut_and_looked_at.clear()

    @rule()
    def restart(self) -> None:
        self.store()
        self.kill()

    @rule()
    def kill(self) -> None:
        self.looker.kill()
        self.looked_at = self.stored.copy()
        self.disk.may_count_again.update(self.cut_events | self.cut_and_looked_at)
        self.old_files = {path.stat().st_ino for path in self.disk.all()}
        self.files_looked_at.clear()
        self.has_looked = False

    @rule(
        name=NAMES,
        to=NAMES,
        grown=st.integers(0, 2),
        new=st.integers(0, 2),
        order=st.randoms(use_true_random=False),
        is_stored=st.booleans(),
    )
    def rename_while_no_daemon_runs(
        self,
        name: str,
        to: str,
        grown: int,
        new: int,
        order: Random,
        *,
        is_stored: bool,
    ) -> None:
        if is_stored:
            self.store()

        self.kill()
        self.append(name, grown)
        self.rename(name, to)
        self.append(name, new)
        self.look(order)

    @rule()
    def let_time_pass(self) -> None:
        self.looker.wait(SILENT_S + 1)

    @invariant()
    def nothing_is_counted_too_often(self) -> None:
        counted, again = self.looker.counted, self.disk.may_count_again
        too_often = {each for each in counted if counted[each] > 1 + again[each]}
        assert not too_often, f"{too_often} are counted too often"

    @invariant()
    def blocks_tell_what_was_counted(self) -> None:
        assert self.looker.lines >= self.looker.counted.total()

    def _kept(self, before: set[int], path: Path, inode: int) -> None:
        """Note which of the events *before* are in *path*, which was *inode*, still."""
        kept = before & set(events_of(path))
        if inode in self.old_files:
            self.old_files.add(path.stat().st_ino)
            self.disk.may_count_again.update(kept)

        self.cut_events |= kept

    def _move(self, path: Path, other: Path) -> None:
        if path.exists():
            path.rename(other)


TestWriters = pytest.mark.timeout(300)(Writers.TestCase)
TestWriters.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
