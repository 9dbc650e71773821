from typing import NamedTuple

import pytest

from jarvisd.base.errors import ProtocolError
from jarvisd.blocks.model import restored_block, saved_block
from jarvisd.core.block import LIVE_MS, Block, LineRate
from jarvisd.core.block_registry import BlockChanged, Blocks
from jarvisd.core.origin import BlockId, Life, SessionId
from tests.support import EPOCH_MS, block

YEAR_MS = 365 * 24 * 3600 * 1000


def counted(*texts: str) -> Block:
    one = block()
    for text in texts:
        one.add_line(text.encode())
    return one


@pytest.mark.parametrize(
    ("texts", "lines", "tokens"),
    [
        pytest.param(["x" * 100], 1, 25, id="a quarter of the characters"),
        pytest.param(["x" * 40, "x" * 80, "x" * 120], 3, 60, id="summed"),
        pytest.param(["ok"] * 1000, 1000, 500, id="short lines add up"),
        pytest.param(["abc"] * 3, 3, 2, id="the floor is of the total"),
        pytest.param(["x" * 5, "x" * 6, "x" * 7], 3, 4, id="never per line"),
        pytest.param(["é" * 8], 1, 2, id="characters, not bytes"),
        pytest.param(["你好世界"], 1, 1, id="wide characters count as one"),
    ],
)
def test_the_estimate_is_a_quarter_of_all_characters(
    texts: list[str], lines: int, tokens: int
) -> None:
    view = counted(*texts).view(EPOCH_MS)

    assert (view.line_count, view.token_estimate) == (lines, tokens)


def test_bytes_that_are_not_utf8_count_as_what_would_be_shown() -> None:
    one = block()
    one.add_line(b"a\xff\xfeb")

    assert one.char_count == 4


def test_a_block_without_a_line_has_no_times() -> None:
    view = block().view(EPOCH_MS)

    assert view.start_ts_ms is None
    assert view.last_activity_ms is None
    assert view.life is Life.QUIET


def test_times_stretch_to_both_sides_whatever_the_order() -> None:
    one = block()
    for at_ms in (50, 10, 90, 20):
        one.seen_at(at_ms)

    assert (one.start_ts_ms, one.last_activity_ms) == (10, 90)


@pytest.mark.parametrize(
    ("age_ms", "ended", "error", "life"),
    [
        pytest.param(0, False, None, Life.LIVE, id="just now"),
        pytest.param(LIVE_MS, False, None, Life.QUIET, id="silent for five minutes"),
        pytest.param(-1000, False, None, Life.LIVE, id="clocks differ by a little"),
        pytest.param(-YEAR_MS, False, None, Life.QUIET, id="a line of next year"),
        pytest.param(0, True, None, Life.ENDED, id="its end wins"),
        pytest.param(0, False, "Permission denied", Life.FAILED, id="unreadable"),
    ],
)
def test_life(age_ms: int, ended: bool, error: str | None, life: Life) -> None:
    one = block()
    one.seen_at(EPOCH_MS)
    one.ended, one.error = ended, error

    assert one.life(EPOCH_MS + age_ms) is life


def test_a_block_comes_back_from_the_store_as_it_was() -> None:
    one = counted("a", "bc")
    one.seen_at(EPOCH_MS)
    one.learn(session_id=SessionId("s1"), cwd="/home/u/p", project="/home/u/p")
    one.exit_status, one.ended, one.revision = 3, True, 7

    assert restored_block(saved_block(one)).view(EPOCH_MS) == one.view(EPOCH_MS)


def test_the_working_folder_may_change_and_the_session_may_not() -> None:
    one = block()
    one.learn(session_id=SessionId("s1"), cwd="/a", project="/a")
    one.learn(session_id=SessionId("s2"), cwd="/b")

    assert (one.origin.session_id, one.origin.cwd, one.origin.project) == (
        "s1",
        "/b",
        "/a",
    )


def test_the_rate_is_lines_per_second_and_decays() -> None:
    rate = LineRate()
    for second in range(600):
        rate.add(10, EPOCH_MS + second * 1000)
    steady = rate.at(EPOCH_MS + 600_000)

    assert steady == pytest.approx(10, rel=0.05)
    assert rate.at(EPOCH_MS + 660_000) == pytest.approx(steady / 2.718, rel=0.05)
    assert LineRate().at(EPOCH_MS) == 0


def test_the_rate_decays_though_the_clock_is_set_back() -> None:
    rate = LineRate()
    rate.add(1000, EPOCH_MS)

    assert rate.at(EPOCH_MS - YEAR_MS) == pytest.approx(0, abs=0.001)


def test_a_line_that_comes_now_corrects_a_time_that_lies_ahead() -> None:
    blocks, one = Blocks(), block()
    blocks.add(one, EPOCH_MS)
    for now_ms in (EPOCH_MS + YEAR_MS, EPOCH_MS):
        one.add_line(b"x")
        one.came_at(now_ms)
        blocks.changed(one, now_ms)

    assert (one.start_ts_ms, one.last_activity_ms) == (EPOCH_MS, EPOCH_MS)
    assert blocks.totals["text"].last_activity_ms == EPOCH_MS
    assert blocks.live(EPOCH_MS) == [one]


@pytest.mark.parametrize("step_ms", [YEAR_MS, -YEAR_MS])
def test_a_clock_that_was_wrong_for_a_while_hides_no_live_block(step_ms: int) -> None:
    blocks, one = Blocks(), block()
    blocks.add(one, EPOCH_MS)
    one.came_at(EPOCH_MS)
    blocks.changed(one, EPOCH_MS)

    while_wrong = blocks.live(EPOCH_MS + step_ms)

    assert while_wrong == []
    assert blocks.live(EPOCH_MS + 1000) == [one]


def test_totals_follow_every_change() -> None:
    told: list[NamedTuple] = []
    blocks = Blocks(publish=told.append)
    one, other = block("aa11"), block("ab22", agent="claude")
    for each in (one, other):
        blocks.add(each, EPOCH_MS)
    one.add_line(b"four")
    one.seen_at(EPOCH_MS)

    blocks.changed(one, EPOCH_MS)

    assert (blocks.totals["text"].line_count, blocks.totals["text"].char_count) == (
        1,
        4,
    )
    assert blocks.totals["claude"].line_count == 0
    assert told == [BlockChanged(one)]
    assert blocks.live(EPOCH_MS) == [one]
    assert blocks.live(EPOCH_MS + LIVE_MS) == []


def test_live_blocks_are_listed_by_their_last_activity() -> None:
    blocks = Blocks()
    members = [block(f"b{n}") for n in range(3)]
    for each in members:
        blocks.add(each, EPOCH_MS)
    for at, each in enumerate([members[1], members[0], members[2], members[1]]):
        each.seen_at(EPOCH_MS + at)
        blocks.changed(each, EPOCH_MS + at)

    assert [each.block_id for each in blocks.live(EPOCH_MS + 9)] == ["b1", "b2", "b0"]


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        pytest.param("c", "unknown_block", id="nobody"),
        pytest.param("a", "ambiguous_block", id="two"),
        pytest.param("", "unknown_block", id="nothing given"),
    ],
)
def test_a_prefix_must_mean_one_block(prefix: str, kind: str) -> None:
    blocks = Blocks()
    for name in ("aa11", "ab22"):
        blocks.add(block(name), EPOCH_MS)

    with pytest.raises(ProtocolError) as refused:
        blocks.find(prefix)

    assert refused.value.kind == kind
    assert blocks.find("ab").block_id == BlockId("ab22")
