"""A file of records: where it is written, where not, and what becomes of it."""

import json
import os
import socket
import stat
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest

from jarvisd.base.errors import SinkError
from jarvisd.sinks.jsonl import JsonlSink
from jarvisd.sinks.store import QueuedRecord
from tests.e2e.test_degraded import fill, mounted
from tests.sinks.records import ids, segment, waiting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "segments.jsonl"


def sink(path: Path) -> JsonlSink:
    return JsonlSink("local", path, max_waiting=10)


def found(path: Path) -> list[str]:
    return [json.loads(line)["segment_id"] for line in path.read_text().splitlines()]


def refusal(path: Path) -> str:
    with pytest.raises(SinkError) as caught:
        sink(path).deliver([waiting()])

    return str(caught.value)


def test_each_record_is_a_line_with_all_that_is_known(path: Path) -> None:
    sink(path).deliver([waiting(1), waiting(2)])

    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {
        "event": "chat_session_ended",
        **msgspec.to_builtins(segment(1)),
    }


def test_the_file_is_the_users_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        sink(path).deliver([waiting()])
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_appended_to(path: Path) -> None:
    path.write_text('{"segment_id":"before"}\n')

    sink(path).deliver([waiting(1)])

    assert found(path) == ["before", *ids(1, first=1)]


def test_a_line_that_somebody_left_unfinished_spoils_no_other(path: Path) -> None:
    path.write_text('{"segment')

    sink(path).deliver([waiting(1)])

    torn, *rest = path.read_text().splitlines()
    assert torn == '{"segment'
    assert [json.loads(line)["segment_id"] for line in rest] == ids(1, first=1)


@pytest.mark.parametrize("length", [1, 20, 31, 32, 200])
@pytest.mark.parametrize("before", [0, 1, 300])
def test_a_line_that_a_kill_cut_off_is_taken_back(
    path: Path, before: int, length: int
) -> None:
    one = sink(path)
    for number in range(before):
        one.deliver([waiting(number)])
    size = path.stat().st_size if before else 0
    one.deliver([waiting(before)])
    os.truncate(path, size + length)

    sink(path).deliver([waiting(before), waiting(before + 1)])

    assert found(path) == ids(before + 2)


@pytest.mark.parametrize("gone", ["moved", "deleted"])
def test_a_file_that_is_rotated_away_is_begun_anew(path: Path, gone: str) -> None:
    one = sink(path)
    one.deliver([waiting(1)])
    if gone == "moved":
        path.rename(path.with_suffix(".1"))
    else:
        path.unlink()

    one.deliver([waiting(2)])

    assert found(path) == ids(1, first=2)
    if gone == "moved":
        assert found(path.with_suffix(".1")) == ids(1, first=1)


def test_a_file_that_another_took_the_place_of_is_left_alone(path: Path) -> None:
    one = sink(path)
    one.deliver([waiting(1)])
    other = path.with_suffix(".new")
    other.touch()
    other.replace(path)

    one.deliver([waiting(2)])

    assert found(path) == ids(1, first=2)


def test_a_file_that_is_cut_goes_on(path: Path) -> None:
    one = sink(path)
    one.deliver([waiting(1)])
    os.truncate(path, 0)

    one.deliver([waiting(2)])

    assert found(path) == ids(1, first=2)


def test_folders_are_not_made(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "not" / "mounted.jsonl")
    assert not (tmp_path / "not").exists()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} is a folder, not a regular file"


def test_a_pipe_is_refused_and_nobody_waits_for_its_reader(path: Path) -> None:
    os.mkfifo(path)

    assert refusal(path) == f"{path} is a pipe, not a regular file"


def test_a_device_is_refused() -> None:
    assert refusal(Path("/dev/null")) == "/dev/null is a device, not a regular file"


def test_a_socket_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(path.name)

        assert refusal(path) == f"{path} is a socket, not a regular file"


@pytest.mark.parametrize("leads_somewhere", [True, False])
def test_a_link_is_refused(path: Path, *, leads_somewhere: bool) -> None:
    target = path.with_name("target")
    if leads_somewhere:
        target.write_text("precious\n")
    path.symlink_to(target)

    assert refusal(path) == f"{path} is a symbolic link, not a regular file"
    assert leads_somewhere == target.exists()
    with suppress(FileNotFoundError):
        assert target.read_text() == "precious\n"


def test_a_link_put_in_place_later_is_refused(path: Path) -> None:
    one = sink(path)
    one.deliver([waiting(1)])
    path.rename(path.with_suffix(".1"))
    path.symlink_to(path.with_suffix(".1"))

    with pytest.raises(SinkError, match="a symbolic link"):
        one.deliver([waiting(2)])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_refused(path: Path) -> None:
    path.touch()
    os.chown(path, 12_345, -1)

    assert refusal(path) == f"{path} is not a regular file of yours"


def test_a_damaged_record_spoils_no_line(path: Path) -> None:
    with pytest.raises(SinkError, match="record r1 is damaged"):
        sink(path).deliver([waiting(1), QueuedRecord("r1", '{"x": "')])

    assert not path.exists()


def test_nothing_stays_open_after_a_failure(tmp_path: Path) -> None:
    one = sink(tmp_path / "none" / "x.jsonl")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(10):
        with pytest.raises(SinkError):
            one.deliver([waiting(1)])

    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_on_a_full_disk_no_half_line_stays_and_all_comes_later(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=64k,mode=700"):
        one = sink(disk / "x.jsonl")
        one.deliver([waiting(0)])
        ballast = fill(disk)
        with pytest.raises(SinkError, match="No space left"):
            one.deliver([waiting(each) for each in range(1, 101)])

        assert found(disk / "x.jsonl") == ids(1)

        ballast.unlink()
        one.deliver([waiting(each) for each in range(1, 21)])

        assert found(disk / "x.jsonl") == ids(21)
        one.close()
