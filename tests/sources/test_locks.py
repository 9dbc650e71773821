"""Who holds a lock, by the kernel's list."""

import fcntl
import os
from pathlib import Path

import pytest

from jarvisd.presence import proc_locks
from jarvisd.presence.proc_locks import Holder, holders


def test_a_lock_is_seen_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with path.open("w") as file:
        seen = path.stat()
        assert holders([seen]) == {}
        fcntl.flock(file, fcntl.LOCK_EX)
        found = holders([seen])
        fcntl.flock(file, fcntl.LOCK_UN)
        assert holders([seen]) == {}

    assert found == {seen.st_ino: [Holder(os.getpid(), same_device=True)]}


def test_without_files_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc_locks, "_read_lines", lambda: pytest.fail("was read"))
    assert holders([]) == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("1: FLOCK  ADVISORY  WRITE {pid} {place} 0 EOF", True, id="held"),
        pytest.param(
            "1: -> FLOCK  ADVISORY  WRITE {pid} {place} 0 EOF", None, id="waits"
        ),
        pytest.param("1: FLOCK  ADVISORY  WRITE 0 {place} 0 EOF", None, id="hidden"),
        pytest.param("1: OFDLCK ADVISORY  WRITE -1 {place} 0 EOF", None, id="nobody's"),
        pytest.param(
            "1: FLOCK  ADVISORY  WRITE {pid} 00:99:{inode} 0 EOF", False, id="device"
        ),
        pytest.param(
            "1: FLOCK  ADVISORY  WRITE {pid} {place}9 0 EOF", None, id="inode"
        ),
        pytest.param("1: FLOCK  ADVISORY", None, id="cut"),
        pytest.param("1: FLOCK  ADVISORY  WRITE x y:z 0 EOF", None, id="nonsense"),
        pytest.param("1: LEASE  ACTIVE    READ {pid} <none>:0 0 EOF", None, id="none"),
    ],
)
def test_lines(
    line: str, expected: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path.stat()
    device = f"{os.major(seen.st_dev):02x}:{os.minor(seen.st_dev):02x}"
    text = line.format(pid=4000, place=f"{device}:{seen.st_ino}", inode=seen.st_ino)
    monkeypatch.setattr(proc_locks, "_read_lines", lambda: [text.encode()])
    found = holders([seen]).get(seen.st_ino, [])
    assert found == ([] if expected is None else [Holder(4000, expected)])
