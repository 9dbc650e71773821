"""Files that wait for their turn in the history queue."""

from pathlib import Path

import anyio

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
