"""Files that wait for their turn in the history queue."""

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
    reader, read = looker._reader, dict[int, int | None]()
    read_slice = reader.slice_reader.read_slice

    def note_and_read(tracked: TrackedFile) -> bool:
        since_ms = reader.progress.view(0).complete_since_ms
        read.setdefault(tracked.mtime_ms, since_ms)
        return read_slice(tracked)

    reader.slice_reader.read_slice = note_and_read  # type: ignore[method-assign]
    looker.look()

    assert list(read) == sorted(read, reverse=True)
    assert len(read) == 40
    assert all(since_ms == mtime_ms + 1 for mtime_ms, since_ms in read.items())
    assert reader.progress.view(0).complete_since_ms is None
    looker.close()
