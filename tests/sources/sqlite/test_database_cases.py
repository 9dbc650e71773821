"""What owners do to their databases while we read: a writer of its own does all of it."""

import os
import resource
from contextlib import suppress
from pathlib import Path

import pytest

from jarvisd.core.source import Budget
from jarvisd.core.sources.sqlite.database_pages import FoundBy
from jarvisd.core.sources.sqlite.database_source import COMPARED_ALWAYS
from jarvisd.core.sources.sqlite.lock_free_vfs import Snapshot
from tests.sources.sqlite.database_rig import (
    Consumer,
    Writer,
    asking,
    consuming,
    listing,
    present,
    truth,
    writing,
)
from tests.sources.sqlite.opencode_like import BALANCE

LEAF = 0x0D
"""The first byte of a page with rows."""

COUNT = "select count(*), sum(length(data)) from part"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


def fill(agent: Writer, parts: int = 20) -> tuple[str, list[str]]:
    message = agent("message", agent("session"))
    return message, [agent("part", message, 2000) for _ in range(parts)]


def assert_read(consumer: Consumer, folder: Path) -> None:
    """Read what is new, and hold it against what SQLite's recovery gives."""
    assert consumer.drain().fault is None
    assert present(consumer.streams) == present(truth(consumer.path, folder / "copy"))


def open_files(name: str) -> list[str]:
    """Return the files of that name that this process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [target for target in found if f"/{name}" in target]


# Case 76: it commits while we read.


@pytest.mark.parametrize("mode", ["wal", "delete", "persist", "truncate"])
def test_a_commit_during_a_read_is_seen_whole_or_not_at_all(
    path: Path, mode: str
) -> None:
    def ask(snapshot: Snapshot) -> object:
        first = snapshot.row(COUNT)
        if not asked:
            # The second half of the question shall meet what is written here.
            for part in parts:
                agent("update", "part", part, 9000)
            agent("checkpoint", "truncate")
        asked.append(first)
        return snapshot.row(BALANCE)

    asked: list[object] = []
    with writing(path, mode) as agent, asking(path) as reader:
        _, parts = fill(agent)
        row = reader.ask(ask)
        assert isinstance(row, tuple)

    assert row[:2] == row[2:]
    assert row[2:] == asked[-1]


def test_the_cursor_behind_a_commit_during_a_read_is_that_of_what_was_read(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        message, parts = fill(agent)
        batch = consumer.source.read(Budget())
        agent("update", "part", parts[0])
        agent("part", message)
        consumer.source.applied(batch)
        consumer.restart()

        assert [item.replaces is not None for item in consumer.read().items] == [
            True
        ] * 2


# Case 77: VACUUM, checkpoints of four kinds, another journal mode, ALTER TABLE.


@pytest.mark.parametrize("kind", ["passive", "full", "restart", "truncate"])
def test_checkpoints_of_each_kind(path: Path, tmp_path: Path, kind: str) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        _, parts = fill(agent)
        for part in parts[:5]:
            consumer.read(Budget(items=3))
            agent("update", "part", part, 4000)
            agent("checkpoint", kind)
            agent("update", "part", part, 3000)
            assert_read(consumer, tmp_path)


def test_a_vacuum(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        message, parts = fill(agent)
        consumer.drain()
        delivered = consumer.items

        for part in parts[:10]:
            agent("delete", "part", part)
        agent("run", "vacuum")
        assert_read(consumer, tmp_path)
        agent("part", message)
        assert_read(consumer, tmp_path)

    assert consumer.items == delivered + 1


def test_another_journal_mode_and_back(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        message, _ = fill(agent)
        for mode in ("delete", "persist", "wal", "truncate", "wal"):
            consumer.drain()
            assert agent("journal_mode", mode) == mode
            agent("part", message)
            assert_read(consumer, tmp_path)


def test_columns_that_are_added_and_renamed(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        message, _ = fill(agent)
        consumer.drain()
        agent("alter")
        agent("part", message)
        assert_read(consumer, tmp_path)
        known = dict(consumer.streams)

        agent("run", "alter table part rename column data to body")
        while (batch := consumer.read()).fault is None:
            pass
        assert batch.fault.reason == "unknown version: it has no part.data"
        assert consumer.streams == known

        agent("run", "alter table part rename column body to data")
        assert_read(consumer, tmp_path)


def test_a_log_that_starts_over_at_the_same_size(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        _, parts = fill(agent)
        assert_read(consumer, tmp_path)
        size = Path(f"{path}-wal").stat().st_size
        for part in parts:
            agent("checkpoint", "restart")
            agent("update", "part", part, 1000)
            assert Path(f"{path}-wal").stat().st_size == size
            assert_read(consumer, tmp_path)


# Case 79: deleted and created again, or replaced by a backup, while we hold it.


def test_a_database_that_is_deleted_and_created_again(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent)
        consumer.drain()

        agent("recreate")
        fill(agent)
        assert_read(consumer, tmp_path)

        # Neither is the old log held, which would keep its space on the disk.
        assert not [name for name in open_files(path.name) if "deleted" in name]


def test_a_database_that_is_deleted_is_gone_and_held_no_longer(path: Path) -> None:
    with consuming(path) as consumer:
        with writing(path) as agent:
            fill(agent)
            consumer.drain()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink()

        assert consumer.read().gone
        assert not open_files(path.name)


def test_an_older_backup_in_its_place(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent)
        agent("backup")
        fill(agent)
        consumer.drain()

        agent("restore")
        assert_read(consumer, tmp_path)


def test_an_older_backup_restored_within_a_transaction(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        message, _ = fill(agent)
        agent("backup")
        agent("part", message)
        consumer.drain()

        agent("restore", by_rename=False)
        agent("part", message)
        assert_read(consumer, tmp_path)


def test_a_backup_restored_before_the_log_began_again(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        agent("run", "pragma wal_autocheckpoint=0")
        for _ in range(COMPARED_ALWAYS + 1):
            agent("session")
        message, _ = fill(agent)
        agent("backup")
        agent("part", message)
        consumer.drain()

        # The session has as many entries again, and the log is the one after ours.
        agent("restore", by_rename=False)
        agent("part", message)
        agent("checkpoint", "restart")
        agent("session")
        assert_read(consumer, tmp_path)


# Case 80: a log without an index that can be used. It is read by checksums.


@pytest.mark.parametrize(
    "loss", ["missing", "empty", "noise", "older than the boot", "a link", "a folder"]
)
def test_the_log_of_a_killed_writer_without_its_index(
    path: Path, tmp_path: Path, loss: str
) -> None:
    with writing(path) as agent:
        fill(agent)
    index = Path(f"{path}-shm")
    if loss == "missing":
        index.unlink()
    elif loss == "empty":
        index.write_bytes(b"")
    elif loss == "noise":
        index.write_bytes(os.urandom(32768))
    elif loss == "older than the boot":
        os.utime(index, (1, 1))
    else:
        index.unlink()
        if loss == "a link":
            index.symlink_to(tmp_path / "nowhere")
        else:
            index.mkdir()

    with consuming(path) as consumer:
        assert_read(consumer, tmp_path)
        assert consumer.items == 21
        key = consumer.source._pages.key
        assert key is not None
        assert key.found_by is FoundBy.LOG


def test_without_a_descriptor_left_nothing_is_believed(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            batch = consumer.read()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        assert batch.fault is not None
        assert "Too many open files" in batch.fault.reason
        assert_read(consumer, tmp_path)


def test_an_index_whose_writer_died_within_its_header(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent:
        fill(agent)
    index = Path(f"{path}-shm")
    data = bytearray(index.read_bytes())
    data[8] ^= 1
    index.write_bytes(data)

    with consuming(path) as consumer:
        assert_read(consumer, tmp_path)


def test_a_log_that_is_shorter_than_its_index_tells(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent:
        fill(agent)
    log = Path(f"{path}-wal")
    os.truncate(log, log.stat().st_size // 2)

    with consuming(path) as consumer:
        assert_read(consumer, tmp_path)


def test_frames_of_zeros_as_a_power_cut_leaves_them(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent:
        fill(agent)
    log = Path(f"{path}-wal")
    data = log.read_bytes()
    log.write_bytes(data[:-8000] + bytes(8000))

    with consuming(path) as consumer:
        assert_read(consumer, tmp_path)


def test_a_writer_with_exclusive_locks_beside_the_index_of_a_dead_one(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent:
        fill(agent)
    index = Path(f"{path}-shm").read_bytes()
    with consuming(path) as consumer:
        consumer.drain()
        with writing(path, "wal", "exclusive") as agent:
            agent("seed", 1)
            message, _ = fill(agent)
            assert Path(f"{path}-shm").read_bytes() == index
            assert_read(consumer, tmp_path)
            agent("part", message)
            assert_read(consumer, tmp_path)


def test_a_database_in_a_folder_that_cannot_be_written(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent:
        fill(agent)
        agent("close")
    assert not Path(f"{path}-wal").exists()
    path.parent.chmod(0o555)
    try:
        with consuming(path) as consumer:
            consumer.drain()
            assert consumer.items == 21
        assert listing(tmp_path) == {path.name}
    finally:
        path.parent.chmod(0o755)


# Case 82: a corrupt page.


def test_a_corrupt_page_of_a_session_costs_that_session(path: Path) -> None:
    with writing(path) as agent:
        _, parts = fill(agent)
        fill(agent)
        fill(agent)
        bad = agent("run", "select session_id from part limit 1")[0][0]
        agent("close")
    data = path.read_bytes()
    pages = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    (at,) = (
        number
        for number, page in enumerate(pages)
        if page[0] == LEAF and parts[10].encode() in page and b'"text"' in page
    )
    with path.open("r+b") as file:
        file.seek(at * 4096)
        file.write(b"\xff" * 4096)

    with consuming(path) as consumer:
        batch = consumer.drain()

        assert batch.fault is not None
        assert bad in batch.fault.reason
        assert len(batch.items) == 42
        assert not consumer.source.is_changed()


def test_a_corrupt_database_is_a_fault_of_its_own_until_it_changes(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent:
        fill(agent)
        agent("backup", by_copy=True)
        agent("close")
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)

    with consuming(path) as consumer:
        batch = consumer.read()
        assert batch.fault is not None
        assert "malformed" in batch.fault.reason
        assert not consumer.source.is_changed()
        assert consumer.read().fault == batch.fault

        Path(f"{path}.backup").replace(path)
        assert consumer.source.is_changed()
        assert_read(consumer, tmp_path)


# Case 83: half of it is written.


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_transaction_that_is_half_written_is_waited_for(
    path: Path, tmp_path: Path, mode: str
) -> None:
    with writing(path, mode) as agent, consuming(path) as consumer:
        _, parts = fill(agent)
        consumer.drain()
        known = {stream: dict(held) for stream, held in consumer.streams.items()}

        agent("run", "pragma cache_size=5")
        agent("begin")
        for part in parts:
            agent("update", "part", part, 9000)
        batch = consumer.read()
        if mode == "delete":
            assert batch.retry_s is not None
            assert batch.fault is not None
            assert "journal" in batch.fault.reason
        assert consumer.streams == known

        agent("commit")
        assert_read(consumer, tmp_path)


def test_a_writer_that_was_killed_within_a_transaction(
    path: Path, tmp_path: Path
) -> None:
    with consuming(path) as consumer:
        with writing(path, "delete") as agent:
            message, parts = fill(agent)
            consumer.drain()
            known = {stream: dict(held) for stream, held in consumer.streams.items()}
            agent("run", "pragma cache_size=5")
            agent("begin")
            for part in parts:
                agent("update", "part", part, 9000)

        # Rolling it back is its owner's.
        assert consumer.read().fault is not None
        assert consumer.streams == known
        assert Path(f"{path}-journal").exists()

        with writing(path, "delete") as agent:
            agent("part", message)
            assert_read(consumer, tmp_path)
