"""A collector that behaves in every way that collectors do, on loopback."""

import builtins
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jarvisd.base.errors import SinkError
from jarvisd.config import Grouping, PosthogSettings, Secret
from jarvisd.sinks.blocking_call import BlockingCall
from jarvisd.sinks.installation import install_id
from jarvisd.sinks.posthog import MAX_ANSWER_BYTES, PosthogSink
from tests.sinks import collector as answers
from tests.sinks.collector import Answer, Collector
from tests.sinks.records import ids, segment, waiting
from tests.support import eventually

KEY = "phc_key_of_a_test"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with collector.running():
        yield collector


def sink(
    collector: Collector, folder: Path, *, timeout_s: float = 5, **other: Any
) -> PosthogSink:
    told: dict[str, Any] = {"name": "ph", "host": collector.url, "api_key": Secret(KEY)}
    return PosthogSink(PosthogSettings(**told | other), folder, timeout_s=timeout_s)


def refusal(one: PosthogSink) -> str:
    with pytest.raises(SinkError) as caught:
        one.deliver([waiting()])

    assert KEY not in str(caught.value)
    return str(caught.value)


def test_records_are_posted_in_one_request(
    collector: Collector, tmp_path: Path
) -> None:
    sink(collector, tmp_path).deliver([waiting(1), waiting(2)])

    [body], [first, second] = collector.bodies, collector.events
    assert collector.received[0].startswith(b"POST /batch/ HTTP/1.1\r\n")
    assert body.keys() - {"sent_at", "sentAt"} == {"api_key", "batch"}
    assert body["api_key"] == KEY
    assert first["event"] == second["event"] == "chat_session_ended"
    assert first["distinct_id"] == second["distinct_id"]
    assert first["timestamp"] == "2026-09-21T14:14:20+00:00"
    assert first["properties"]["turn_count"] == 5
    assert collector.insert_ids == ids(2, first=1)


def test_nothing_but_the_key_and_what_is_listed_is_sent(
    collector: Collector, tmp_path: Path
) -> None:
    """Canaries in every text of the record, looked for in the bytes on the wire."""
    canaries = {
        name: f"CANARY {name} /home/ann"
        for name in ("agent", "session_id", "block_id", "model", "engine", "project")
    }
    sink(collector, tmp_path).deliver([waiting(1, **canaries)])

    [received], [event] = collector.received, collector.events
    assert b"CANARY" not in received
    assert b"ann" not in received
    assert install_id(tmp_path).encode() not in received
    assert str(tmp_path).encode() not in received
    assert event["properties"].keys() == {
        "turn_count", "tokens_in", "tokens_out", "latency_ms_p50", "latency_ms_p95",
        "tool_count", "unique_tools", "unique_models", "error_count", "duration_ms",
        "cost_micros", "unpriced", "segment", "started_ms", "ended_ms", "reason",
        "agent", "engine", "model_hash", "session_hash", "project_hash",
        "$insert_id", "$lib", "$geoip_disable", "$process_person_profile",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(answers.status(500), "answers 500", id="500"),
        pytest.param(answers.status(429), "answers 429", id="429"),
        pytest.param(answers.status(401), "answers 401; is the key right?", id="401"),
        pytest.param(answers.hang, "is silent for 0.3 s", id="hangs"),
        pytest.param(answers.hang_up, "cannot be reached, or hung up", id="hangs up"),
        pytest.param(answers.cut_off, "cannot be reached, or hung up", id="is cut off"),
        pytest.param(
            answers.redirect, "redirects: configure where it leads", id="redirects"
        ),
    ],
)
def test_what_a_collector_does_not_take_is_told(
    collector: Collector, tmp_path: Path, answer: Answer, reason: str
) -> None:
    collector.answer = answer

    assert refusal(sink(collector, tmp_path, timeout_s=0.3)) == (
        f"{collector.url} {reason}"
    )
    assert len(collector.received) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answers.well_and_close, id="answers 200 and closes"),
        pytest.param(answers.status(200), id="200 and no JSON"),
        pytest.param(answers.status(202), id="202"),
    ],
)
def test_whatever_is_a_success_is_one(
    collector: Collector, tmp_path: Path, answer: Answer
) -> None:
    collector.answer = answer

    sink(collector, tmp_path).deliver([waiting()])

    assert len(collector.received) == 1


def test_an_answer_without_an_end_is_not_read_to_it(
    collector: Collector, tmp_path: Path
) -> None:
    collector.answer = answers.flood

    sink(collector, tmp_path).deliver([waiting()])

    # What is in flight is bounded by the system's buffers.
    assert collector.flooded_bytes < 400 * MAX_ANSWER_BYTES


async def test_an_answer_that_drips_is_given_up_and_later_all_is_well(
    collector: Collector, tmp_path: Path
) -> None:
    collector.answer = answers.drip
    call, one = BlockingCall("test"), sink(collector, tmp_path)

    with pytest.raises(SinkError, match=r"^it takes longer than 0.3 s$"):
        await call.run(partial(one.deliver, [waiting()]), timeout_s=0.3)

    collector.answer = answers.well
    collector.released.set()
    await eventually(lambda: not call.is_busy)
    await call.run(partial(one.deliver, [waiting()]), timeout_s=5)

    assert collector.insert_ids == ids(1, first=1) * 2


def test_a_collector_that_is_not_there_is_told(tmp_path: Path) -> None:
    collector = Collector()
    with collector.running():
        pass

    assert "cannot be reached" in refusal(sink(collector, tmp_path))


def test_without_the_library_it_is_said_what_to_install(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "posthog":
            raise ModuleNotFoundError(name)
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    one = sink(collector, tmp_path)

    assert refusal(one) == (
        "the posthog library is missing: pip install 'jarvisd[posthog]'"
    )

    monkeypatch.undo()
    one.deliver([waiting()])

    assert collector.insert_ids == [segment().segment_id]


def test_a_key_in_a_file_is_read_each_time(
    collector: Collector, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("phc_one\n")
    one = sink(collector, tmp_path, api_key=None, api_key_file=file)

    one.deliver([waiting()])
    file.write_text("phc_two\n")
    one.deliver([waiting()])

    assert [each["api_key"] for each in collector.bodies] == ["phc_one", "phc_two"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "No such file or directory", id="absent"),
        pytest.param(b"", "is empty, and should hold a key", id="empty"),
        pytest.param(b"\xff\xfe", "does not hold a key", id="something else"),
    ],
)
def test_a_key_that_cannot_be_read_is_told(
    collector: Collector, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    assert reason in refusal(sink(collector, tmp_path, api_key=None, api_key_file=file))
    assert not collector.received


def test_no_thread_and_no_farewell_of_the_library_stays(
    collector: Collector, tmp_path: Path
) -> None:
    before = threading.active_count()

    sink(collector, tmp_path).deliver([waiting()])

    library = sys.modules["posthog"]
    assert library.default_client is None
    assert threading.active_count() <= before + 1  # the collector's own


def test_the_installations_id_is_made_once_and_is_private(tmp_path: Path) -> None:
    made = install_id(tmp_path)

    assert install_id(tmp_path) == made
    assert len(made) == 32
    assert stat.S_IMODE((tmp_path / "install_id").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["install_id"]


@pytest.mark.parametrize("content", ["", "torn", "x" * 32])
def test_an_id_that_is_none_is_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "install_id").write_text(content)

    assert install_id(tmp_path) not in {"", content}


def test_a_link_in_place_of_the_id_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("0" * 32)
    (tmp_path / "install_id").symlink_to(tmp_path / "target")

    with pytest.raises(SinkError, match="install_id"):
        install_id(tmp_path)


def test_records_are_strangers_to_each_other_if_so_configured(
    collector: Collector, tmp_path: Path
) -> None:
    one = sink(collector, tmp_path, distinct_id=Grouping.SEGMENT)

    one.deliver([waiting(1), waiting(2)])

    first, second = collector.events
    assert first["distinct_id"] != second["distinct_id"]


def test_a_daemon_without_such_a_sink_does_not_import_the_library() -> None:
    look = "import sys, jarvisd.app.daemon; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
