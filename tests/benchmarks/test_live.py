from pathlib import Path

import pytest

from benchmarks.client import Seen
from benchmarks.errors import RigError
from benchmarks.feeder import Plan
from benchmarks.lines import SHAPES, transcript
from benchmarks.live import Append, feeding, latencies_ms
from tests.agents.found import fresh_reader

MS = 1_000_000


def test_a_line_has_arrived_when_its_block_was_read_as_far() -> None:
    appends = [Append(0, "a", 10), Append(1 * MS, "a", 20), Append(2 * MS, "b", 5)]
    seen = [Seen(3 * MS, "a", 12), Seen(4 * MS, "b", 5), Seen(6 * MS, "a", 20)]

    assert latencies_ms(appends, seen) == [3, 5, 2]


def test_one_event_may_show_several_lines() -> None:
    appends = [Append(0, "a", 10), Append(1 * MS, "a", 20)]

    assert latencies_ms(appends, [Seen(2 * MS, "a", 20)]) == [2, 1]


def test_a_line_that_is_never_shown_is_no_measurement() -> None:
    with pytest.raises(RigError, match="never shown"):
        latencies_ms([Append(0, "a", 10)], [Seen(1, "a", 9), Seen(1, "b", 10)])


def test_the_feeder_appends_whole_lines_round_robin(tmp_path: Path) -> None:
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    for each in paths:
        Path(each).touch()

    plan = Plan(paths=paths, rate=500, seconds=0.02, first_number=0)
    with feeding(plan) as feeder:
        appends = feeder.finish()

    assert [each.path for each in appends] == paths * 5
    assert appends[-1].size == Path(paths[1]).stat().st_size
    assert Path(paths[0]).read_bytes().count(b"\n") == 5


def test_a_feeder_that_is_ended_early_tells_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    plan = Plan(paths=[str(tmp_path / "a")], rate=1, seconds=600)
    with feeding(plan) as feeder:
        appends = feeder.finish(early=True)

    assert len(appends) <= 1


def test_made_lines_are_what_the_agent_would_write() -> None:
    reader = fresh_reader("claude")
    lines = transcript("s", len(SHAPES)).splitlines()
    records = [reader.read(each, offset=0) for each in lines]

    assert [each.kind for each in records if each] == ["user", "assistant", "user"]
    assert all(each.session_id == "s" and each.events for each in records if each)
