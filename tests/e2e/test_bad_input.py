"""Lines and files as nobody should write them: counted or reported, never fatal."""

import os
from pathlib import Path

import pytest

from jarvisd.core.origin import Life
from jarvisd.core.source_views import SourceState, SourceView
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import SourcesListResult
from tests.e2e.home import append, append_bytes, record
from tests.e2e.rig import AS_A_USER, Daemon
from tests.support import eventually

MIB = 1024 * 1024

needs_modes = pytest.mark.skipif(
    os.geteuid() == 0 and not AS_A_USER,
    reason="root may read everything, whatever its mode; setpriv is not here",
)


@pytest.mark.parametrize(
    ("bad", "malformed"),
    [
        pytest.param(b"not json at all", 1, id="no JSON"),
        pytest.param(b'{"type":"user","mess', 1, id="torn"),
        pytest.param(b'{"a":1}{"b":2}', 1, id="two records in a line"),
        pytest.param(b"17", 1, id="a number"),
        pytest.param(b'"text"', 1, id="a string"),
        pytest.param(b"null", 1, id="null"),
        pytest.param(b"true", 1, id="true"),
        pytest.param(b"[1, 2]", 1, id="a list"),
        pytest.param(b"NaN", 1, id="NaN"),
        pytest.param(b"[" * 100_000, 1, id="a hundred thousand brackets"),
        pytest.param(b'{"n":' + b"9" * 100_000 + b"}", None, id="a number without end"),
        pytest.param(b'{"a":"\x00"}', None, id="a NUL inside"),
        pytest.param(b"\xff\xfe\xfa", 1, id="not UTF-8"),
        pytest.param(b'{"a":"\xff"}', 0, id="JSON with a byte that is not UTF-8"),
        pytest.param(b'{"a":"\\ud800"}', None, id="half a surrogate pair"),
        pytest.param(
            b'{"type":17,"message":[],"timestamp":{}}', None, id="wrong types"
        ),
        pytest.param('{"a":"x\u2028y"}'.encode(), 0, id="U+2028 inside"),
        pytest.param(b'{"a":1}\r', 0, id="CRLF"),
    ],
)
async def test_a_bad_line_is_counted_and_disturbs_no_other(
    daemon: Daemon, bad: bytes, malformed: int | None
) -> None:
    path = daemon.home.transcript()
    append_bytes(path, b'{"n":1}\n' + bad + b'\n{"n":2}\n')

    block = await daemon.block_at(path)

    assert block.line_count == 3
    assert block.partial_bytes == 0
    if malformed is not None:
        assert block.malformed_count == malformed


@pytest.mark.parametrize("nothing", [b"", b"\r", b"  \t ", b"\x00\x00\x00"])
async def test_a_line_of_nothing_is_no_line(daemon: Daemon, nothing: bytes) -> None:
    path = daemon.home.transcript()
    append_bytes(path, b'{"n":1}\n' + nothing + b'\n{"n":2}\n')

    block = await daemon.block_at(path)

    assert (block.line_count, block.malformed_count) == (2, 0)


async def test_ten_thousand_bad_lines_among_good_ones_are_told_apart(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *[record(), '{"torn'] * 10_000)
    logged = len(daemon.log().splitlines())

    block = await daemon.block_at(path)

    assert (block.line_count, block.malformed_count) == (20_000, 10_000)
    assert len(daemon.log().splitlines()) - logged < 20


async def test_a_line_beyond_the_limit_is_counted_by_its_length(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    append(path, "é" * (65 * MIB // 2))
    append(path, record())

    block = await daemon.block_at(path)

    assert (block.line_count, block.oversize_count) == (3, 1)
    assert block.char_count == 40 + 65 * MIB // 2 + 40
    assert block.bytes_read == path.stat().st_size
    health = await daemon.ask("health", HealthResult)
    assert health.rss_bytes < 160 * MIB


async def test_a_line_beyond_the_limit_that_never_ends_is_no_line_yet(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, record())
    append_bytes(path, b"x" * (65 * MIB))
    unfinished = await daemon.block_at(path)
    append_bytes(path, b"\n{}\n")
    finished = await daemon.block_at(path)

    assert (unfinished.line_count, unfinished.partial_bytes) == (1, 65 * MIB)
    assert (finished.line_count, finished.oversize_count) == (3, 1)


@needs_modes
async def test_a_file_nobody_may_read_is_reported_and_read_once_it_may(
    daemon: Daemon,
) -> None:
    path, aside = daemon.home.transcript(), daemon.home.folder / "closed"
    append(aside, record())
    aside.chmod(0)
    aside.rename(path)
    block = await daemon.block_at(path)
    source = await source_at(daemon, path)
    path.chmod(0o600)

    assert block.life is Life.FAILED
    assert source.state is SourceState.QUARANTINED
    assert source.error
    assert "Permission denied" in source.error
    await eventually(lambda: daemon.shows(path, lines=1))


@needs_modes
async def test_a_folder_nobody_may_read_is_reported(daemon: Daemon) -> None:
    folder = daemon.home.projects / "-closed"
    folder.mkdir()
    append(folder / "a.jsonl", record())
    folder.chmod(0)
    source = await source_at(daemon, folder)
    folder.chmod(0o700)

    assert source.error == "Permission denied"
    assert (await daemon.block_at(folder / "a.jsonl")).line_count == 1


async def test_pipes_and_devices_in_a_tree_are_reported_and_not_opened(
    daemon: Daemon,
) -> None:
    pipe, device = daemon.home.transcript(), daemon.home.transcript()
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    good = daemon.home.transcript()
    append(good, record())

    assert (await daemon.block_at(good)).line_count == 1
    assert (await source_at(daemon, pipe)).error == "is not a regular file"
    assert "link" in ((await source_at(daemon, device)).error or "")
    async with daemon.connected() as client:
        assert await client.block_at(pipe) is None
        assert await client.block_at(device) is None


@pytest.mark.parametrize("odd", ["-odd/na\udce9ve.jsonl", "-na\udce9ve/a.jsonl"])
async def test_a_name_that_is_not_utf8_is_reported_and_stops_nothing(
    daemon: Daemon, odd: str
) -> None:
    good = daemon.home.transcript()
    bad = daemon.home.projects / odd
    bad.parent.mkdir(exist_ok=True)
    append(bad, record())

    append(good, record())
    assert (await daemon.block_at(good)).line_count == 1
    append(good, record())
    await eventually(lambda: daemon.shows(good, lines=2))

    answer = await daemon.ask("sources.list", SourcesListResult, problems=True)
    told = {each.path: each.error for each in answer.sources}
    assert "its name is not UTF-8" in told.values()
    assert any("na\ufffdve" in each for each in told), told


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a\nb", id="newline"),
        pytest.param("quo'te\"s", id="quotes"),
        pytest.param("-rf", id="dash"),
        pytest.param("trailing ", id="space"),
        pytest.param("😀" * 50, id="emoji"),
        pytest.param("\x1b[31mred", id="escape"),
        pytest.param("x" * 249, id="as long as can be"),
    ],
)
async def test_a_name_of_any_kind_is_read(daemon: Daemon, name: str) -> None:
    path = daemon.home.transcript("names").with_name(f"{name}.jsonl")
    append(path, record())

    async with daemon.connected() as client:
        await client.sync()
        mine = [each for each in await client.blocks() if each.session_id == name]

    assert [each.line_count for each in mine] == [1]


async def source_at(daemon: Daemon, path: Path) -> SourceView:
    """Return what `sources.list` says of *path* after one more look."""
    await daemon.sync()
    answer = await daemon.ask("sources.list", SourcesListResult)
    return next(each for each in answer.sources if each.path == str(path))
