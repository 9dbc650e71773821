"""What S000, a library that summed up chats in their process, does or means to do.

Each test bears the number of the behaviour in the specification of the reference.
"""

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from jarvisd.base.errors import ProtocolError
from jarvisd.ledger.latencies import ERROR, MAX_BUCKETS, MAX_EXACT, Latencies
from jarvisd.segments.model import Closed, Segment
from jarvisd.segments.wire import ChatsRecordInference, ChatsRecordTool
from tests.segments.rig import Desk, desk_at

INFERENCE: dict[str, Any] = {
    "tokens_in": 10,
    "tokens_out": 5,
    "model_hash": "m",
    "engine": "ollama",
}


async def chat(desk: Desk) -> None:
    """Five inferences, three uses of two tools and an error."""
    for latency_ms in (100, 200, 300, 400, 500):
        await desk.infer(latency_ms=latency_ms, **INFERENCE)

    for name in ("x", "x", "y"):
        await desk.tool(name)

    await desk.error()


async def test_1_a_summary_has_every_number(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await chat(desk)
        await desk.end()
        segment = await desk.only()

    assert msgspec.structs.asdict(segment) | {"started_ms": 0, "ended_ms": 0} == {
        "segment_id": segment.segment_id,
        "agent": "chat",
        "session_id": "c1",
        "segment": 1,
        "block_id": segment.block_id,
        "started_ms": 0,
        "ended_ms": 0,
        "duration_ms": 0,
        "reason": "end",
        "turns": 5,
        "tokens_in": 50,
        "tokens_out": 25,
        "cost_micros": 75,
        "unpriced": 0,
        "latency_p50_ms": 300,
        "latency_p95_ms": 480,
        "tools": 3,
        "unique_tools": 2,
        "unique_models": 1,
        "errors": 1,
        "model": "m",
        "engine": "ollama",
        "project": None,
        "closed_ms": desk.clock.unix_ms(),
    }


async def test_2_of_two_models_none_is_named(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.infer(model_hash="a", engine="ollama")
        await desk.infer(model_hash="b", engine="ollama")
        await desk.end()
        segment = await desk.only()

    assert (segment.unique_models, segment.model) == (2, None)
    assert segment.engine == "ollama"


async def test_3_a_session_of_tools_alone_counts(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.tool("x")
        await desk.error("errors-only")
        await desk.end()
        await desk.end("errors-only")
        tools, errors = await desk.segments()

    assert (tools.turns, tools.tools, tools.latency_p50_ms) == (0, 1, None)
    assert (errors.turns, errors.errors) == (0, 1)


async def test_4_what_is_below_nothing_is_nothing(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.infer(tokens_in=-5, tokens_out=-1, latency_ms=0)
        await desk.infer(tokens_in=7, latency_ms=-3)
        await desk.end()
        segment = await desk.only()

    assert (segment.turns, segment.tokens_in, segment.tokens_out) == (2, 7, 0)
    assert segment.latency_p95_ms is None


async def test_5_ending_what_is_not_open_is_no_error(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        assert await desk.end("nobody") is None
        await desk.infer()
        assert await desk.end() == 1
        assert await desk.end() is None
        assert len(await desk.segments()) == 1


@pytest.mark.parametrize(
    ("times", "p50", "p95"),
    [
        pytest.param([100, 200, 300, 400, 500], 300, 480, id="five"),
        pytest.param([10, 20], 15, 19.5, id="two"),
        pytest.param(range(1, 11), 5.5, 9.55, id="ten"),
        pytest.param([10], 10, 10, id="one"),
        pytest.param([], None, None, id="none"),
    ],
)
def test_6_percentiles_are_interpolated(times: Any, p50: Any, p95: Any) -> None:
    latencies = Latencies()
    for took_ms in times:
        latencies.add(took_ms)

    assert latencies.percentile(0.5) == p50
    assert latencies.percentile(0.95) == (p95 and pytest.approx(p95, abs=1e-9))


async def test_7_idle_is_longer_than_the_idle_time(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.infer()
        await desk.pass_by(300)
        assert await desk.segments() == []
        await desk.pass_by(30)
        assert (await desk.only()).reason is Closed.IDLE


async def test_8_the_idle_tail_is_no_part_of_the_duration(tmp_path: Path) -> None:
    """Timeline T4: looks at 30, 60 and so on; that at 360 is not late enough."""
    async with desk_at(tmp_path) as desk:
        await desk.infer()
        await desk.pass_by(60)
        await desk.infer()
        await desk.pass_by(300)
        assert await desk.segments() == []
        await desk.pass_by(30)
        assert (await desk.only()).duration_ms == 60_000


async def test_9_activity_after_a_close_is_the_next_segment(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for number in range(3):
            await desk.infer(tokens_in=number)
            await desk.pass_by(400)

        segments = await desk.segments()

    assert [each.segment for each in segments] == [1, 2, 3]
    assert [each.tokens_in for each in segments] == [0, 1, 2]
    assert len({each.segment_id for each in segments}) == 3
    assert {each.session_id for each in segments} == {"c1"}


async def test_10_a_shutdown_closes_every_session_once(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for number in range(5):
            await desk.infer(f"c{number}")

    async with desk_at(tmp_path) as again:
        segments = await again.segments()

    assert [each.reason for each in segments] == [Closed.SHUTDOWN] * 5
    assert {each.segment for each in segments} == {1}
    assert desk.told == segments


async def test_11_what_comes_after_a_shutdown_is_in_the_next_run(
    tmp_path: Path,
) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.infer(tokens_in=1)

    async with desk_at(tmp_path) as desk:
        await desk.infer(tokens_in=2)
        await desk.end()
        segments = await desk.segments()

    assert [(each.segment, each.tokens_in) for each in segments] == [(1, 1), (2, 2)]


async def test_12_a_killed_daemon_loses_no_open_session(tmp_path: Path) -> None:
    async with desk_at(tmp_path, shutdown=False) as desk:
        await chat(desk)

    async with desk_at(tmp_path, shutdown=False) as desk:
        assert len(desk.told) == 1

    async with desk_at(tmp_path) as desk:
        segment = await desk.only()

    assert segment.reason is Closed.INTERRUPTED
    assert (segment.turns, segment.tools, segment.errors) == (5, 3, 1)
    assert segment.latency_p95_ms == 480


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
async def test_13_setting_the_clock_closes_nothing(
    tmp_path: Path, step_ms: int
) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.infer()
        await desk.pass_by(10)
        desk.clock.step_wall(step_ms)
        await desk.infer()
        await desk.pass_by(300)
        assert await desk.segments() == []
        await desk.pass_by(30)
        segment = await desk.only()

    assert (segment.turns, segment.duration_ms) == (2, 10_000)


async def test_14_a_record_waits_for_each_sink_by_itself(tmp_path: Path) -> None:
    async with desk_at(tmp_path, sinks=("file", "cloud")) as desk:
        desk.clock.step_wall(10**12)  # behind the making of the database
        await desk.infer()
        await desk.end()
        segment = await desk.only()
        waiting = await desk.store.read(
            lambda raw: raw.execute(
                "SELECT sink, record_id, record FROM outbox"
            ).fetchall()
        )

    records = {sink: msgspec.json.decode(row, type=Segment) for sink, _, row in waiting}
    assert records == {"file": segment, "cloud": segment}
    assert {id_ for _, id_, _ in waiting} == {segment.segment_id}


async def test_15_two_sessions_do_not_mix(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.infer("a", model_hash="m1", latency_ms=10)
        await desk.infer("b", model_hash="m2", latency_ms=20)
        await desk.end("b")
        await desk.infer("a", model_hash="m1", latency_ms=10)
        await desk.end("a")
        b, a = await desk.segments()

    assert (a.turns, a.model, a.latency_p50_ms) == (2, "m1", 10)
    assert (b.turns, b.model, b.latency_p50_ms) == (1, "m2", 20)


async def test_16_one_look_closes_a_hundred(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for number in range(100):
            await desk.infer(f"c{number}")

        await desk.pass_by(330)
        segments = await desk.segments()

    assert len(segments) == 100
    assert {each.reason for each in segments} == {Closed.IDLE}
    assert desk.told == segments


async def test_17_names_are_stored_as_they_are_and_sent_as_sinks_may(
    tmp_path: Path,
) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.infer(model_hash="llama3.1:8b", engine="homemade")
        await desk.end()
        segment = await desk.only()

    assert (segment.model, segment.engine) == ("llama3.1:8b", "homemade")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param(ChatsRecordInference, {"tokens_in": True}, id="true as tokens"),
        pytest.param(ChatsRecordInference, {"latency_ms": False}, id="false as time"),
        pytest.param(ChatsRecordInference, {"tokens_out": 1.5}, id="half a token"),
        pytest.param(ChatsRecordInference, {"session_id": ""}, id="no session"),
        pytest.param(ChatsRecordTool, {"tool_name": 7}, id="a number as a name"),
        pytest.param(ChatsRecordTool, {"tool_name": "x" * 300}, id="a long name"),
        pytest.param(ChatsRecordTool, {"agent": "No Agent"}, id="a bad agent"),
    ],
)
def test_18_what_is_no_such_thing_is_refused(
    asked: type, given: dict[str, object]
) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"session_id": "c1"} | given, asked)


def test_19_nothing_is_pooled_without_a_session() -> None:
    with pytest.raises(msgspec.ValidationError, match="session_id"):
        msgspec.convert({}, ChatsRecordInference)


def test_20_a_million_latencies_take_no_more_room_than_some() -> None:
    latencies, times = (
        Latencies(),
        [(7919 * n) % 1_000_003 + 1 for n in range(1_000_003)],
    )
    for took_ms in times:
        latencies.add(took_ms)

    assert len(latencies.counts) <= MAX_BUCKETS
    for share in (0.5, 0.95):
        exact = 1 + (len(times) - 1) * share
        assert latencies.percentile(share) == pytest.approx(exact, rel=ERROR + 1e-4)


def test_latencies_are_exact_up_to_a_limit_that_few_reach() -> None:
    latencies = Latencies()
    for took_ms in range(MAX_EXACT):
        latencies.add(took_ms + 0.5)

    assert not latencies.rounded
    assert latencies.percentile(1) == MAX_EXACT - 0.5


async def test_with_a_key_a_retry_counts_once(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for _ in range(2):
            await desk.infer(tokens_in=3, latency_ms=7, key="k1")
            await desk.tool("x", key="k1")
            await desk.error(key="k1")

        await desk.infer("other", tokens_in=3, key="k1")
        await desk.end()
        await desk.end("other")
        segment, other = await desk.segments()

    assert (segment.turns, segment.tokens_in, segment.tools) == (1, 3, 1)
    assert (segment.errors, segment.latency_p50_ms) == (1, 7)
    assert other.turns == 1


async def test_what_cannot_be_stored_is_refused_and_counted_all_the_same(
    tmp_path: Path,
) -> None:
    async with desk_at(tmp_path) as desk:
        desk.disk.dead = True
        with pytest.raises(ProtocolError, match="not stored yet"):
            await desk.infer()

        desk.disk.dead = False
        await desk.infer()
        await desk.end()
        assert (await desk.only()).turns == 2


async def test_calls_made_at_once_are_all_stored_before_they_are_answered(
    tmp_path: Path,
) -> None:
    stored = []

    async def call(desk: Desk) -> None:
        await desk.infer()
        stored.append(desk.store.revision)

    async with desk_at(tmp_path) as desk, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(call, desk)

    assert min(stored) >= 1
    assert len(stored) == 10
