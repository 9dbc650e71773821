"""Files that wait for their turn in the history queue."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import anyio

from jarvisd.core.discovery.tracked_file import TrackedFile
from tests.sources.disk import Disk
from tests.sources.looker import Looker


def test_a_file_found_again_while_it_is_followed_is_not_left_unread(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path)
    path = disk.path("p/1")
    path.touch()
    disk.append(path, 1)
    looker = Looker(tmp_path)
    looker._scan(None)
    reader = looker._reader
    (known,) = reader.file_registry

    ticket = known.wakes  # its task has begun to read
    reader._history.add(known)
    reader._fairness.mark_done(known, ticket)
    anyio.run(reader._history.read)

    assert known.done > ticket
    looker.close()


def test_newer_files_come_first_and_progress_says_since_when_all_are_read(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path)
    for number in range(40):
        path = disk.path(f"p/{number}")
        path.touch()
        disk.append(path, 1)

    looker = Looker(tmp_path)
    reader, read = looker._reader, dict[int, None]()
    read_slices = reader.slice_reader.read_slices

    def note_and_read(files: Sequence[TrackedFile]) -> list[TrackedFile]:
        newest_ms = max(each.mtime_ms for each in files)
        if newest_ms not in read:
            assert reader.progress.view(0).complete_since_ms == newest_ms + 1

        read.update(dict.fromkeys(each.mtime_ms for each in files))
        return read_slices(files)

    reader.slice_reader.read_slices = note_and_read  # type: ignore[method-assign]
    looker.look()

    assert list(read) == sorted(read, reverse=True)
    assert len(read) == 40
    assert reader.progress.view(0).complete_since_ms is None
    looker.close()


def test_a_copy_that_is_read_in_the_same_step_counts_no_line_twice(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path)
    first, copy = disk.path("p/1"), disk.path("q/1")
    first.touch()
    disk.append(first, 3)
    shutil.copy2(first, copy)

    looker = Looker(tmp_path)
    looker.look()

    assert looker.counted == dict.fromkeys(disk.events(), 1)
    assert looker.lines == 3
    looker.close()
