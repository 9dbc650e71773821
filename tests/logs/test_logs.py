"""What log lines look like, and how many there are."""

import errno
import io
import json
import logging
import os
import pty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
import structlog

from jarvisd.app import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@dataclass
class Written:
    """Logs into a string, at a time that moves when told."""

    stream: IO[str] = field(default_factory=io.StringIO)
    environ: dict[str, str] = field(default_factory=dict)
    seconds: float = 100.0

    def __post_init__(self) -> None:
        self.threshold = logs.configure(
            "info", now=lambda: self.seconds, stream=self.stream, environ=self.environ
        )
        self.log: Any = structlog.get_logger()

    def lines(self) -> list[str]:
        self.stream.seek(0)
        return self.stream.read().splitlines()

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


def test_a_file_gets_json_with_the_time() -> None:
    written = Written()

    written.log.info("block.opened", block_id="b1", line_bytes=7)

    (entry,) = written.entries()
    assert list(entry) == ["timestamp", "level", "event", "block_id", "line_bytes"]
    assert entry["timestamp"].endswith("Z")


def test_the_journal_gets_priorities_and_no_time(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        facts = os.fstat(stream.fileno())
        ours = {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"}
        written = Written(stream, ours)
        written.log.warning("block.failed", path="/a\nb")
        written.log.error("store.failed")
        lines = written.lines()

    assert lines == [
        '<4>{"level": "warning", "event": "block.failed", "path": "/a\\nb"}',
        '<3>{"level": "error", "event": "store.failed"}',
    ]


def test_the_journal_of_another_process_is_not_ours(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        assert not logs.is_journal(stream, {"JOURNAL_STREAM": "8:12345"})

    assert not logs.is_journal(io.StringIO(), {"JOURNAL_STREAM": "8:12345"})
    assert not logs.is_journal(stream, {})


def on_a_terminal(**facts: str) -> str:
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb") as screen:
        written = Written(stream, {"NO_COLOR": "1"})
        written.log.info("source.failed", **facts)
        return screen.read1().decode()


def test_a_terminal_gets_text() -> None:
    shown = on_a_terminal(path="/a/ü")

    assert "source.failed" in shown
    assert "path=/a/ü" in shown
    assert "{" not in shown


@pytest.mark.parametrize("bad", ["\x1b[2J", "\u202e", "\x07"])
def test_a_name_cannot_steer_the_terminal(bad: str) -> None:
    assert bad not in on_a_terminal(path=f"/a/{bad}")


def test_bytes_that_are_not_unicode_are_escaped() -> None:
    written = Written()

    written.log.info("source.failed", path=os.fsdecode(b"/a/\xff"), folder=Path("/ü"))

    assert "/a/\\udcff" in written.lines()[0]
    assert "/ü" in written.lines()[0]


def test_context_of_the_task_is_merged() -> None:
    written = Written()

    with structlog.contextvars.bound_contextvars(block_id="b1"):
        written.log.info("flush.done")

    assert written.entries()[0]["block_id"] == "b1"


def fail(prompt: str) -> None:
    raise OSError(28, "No space left on device", f"/{len(prompt)}")


@pytest.mark.parametrize("where", ["file", "terminal"])
def test_a_traceback_shows_no_values_of_variables(
    where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stream: Any = io.StringIO()
    stream.isatty = lambda: where == "terminal"
    written = Written(stream, {"NO_COLOR": "1"})

    try:
        fail("the secret prompt")
    except OSError:
        written.log.exception("store.failed")

    text = stream.getvalue()
    assert "No space left" in text
    assert "fail" in text
    assert "the secret prompt" not in text.replace('fail("the secret prompt")', "")


def test_the_level_can_be_changed_while_running() -> None:
    written = Written()
    log = written.log.bind()

    log.debug("flush.done", nth=1)
    written.threshold.level = "debug"
    log.debug("flush.done", nth=2)
    written.threshold.level = "error"
    log.warning("flush.postponed")
    log.error("store.failed")

    assert [entry["event"] for entry in written.entries()] == [
        "flush.done",
        "store.failed",
    ]


def test_one_bad_source_cannot_flood() -> None:
    written = Written()

    for _ in range(1000):
        written.log.warning("source.failed", path="/bad")

    written.log.warning("source.failed", path="/other")
    written.log.warning("source.failed", path="/other", reason="is gone")
    assert [each.get("reason") for each in written.entries()] == [None, "is gone"]


def test_what_was_left_out_is_told_with_the_next_line() -> None:
    written = Written()

    for _ in range(6):
        written.log.warning("source.failed", path="/bad")

    written.seconds += logs.WINDOW_S
    written.log.warning("source.failed", path="/bad")
    written.log.warning("source.failed", path="/bad")

    assert [each.get("suppressed") for each in written.entries()] == [None, 5]


def test_ten_thousand_bad_sources_cannot_flood_either() -> None:
    written = Written()

    for number in range(10_000):
        written.log.warning("source.failed", reason=f"/{number} is gone")

    assert len(written.lines()) == logs.EVENT_LIMIT


def test_every_reload_is_told_though_the_event_is_the_same() -> None:
    written = Written()

    for each in ("log_level", "exclude"):
        written.log.info("config.reloaded", changed=[each])

    assert len(written.lines()) == 2


def test_what_is_counted_is_bounded() -> None:
    limit = logs.RepeatLimit(lambda: 0.0)

    for number in range(3 * logs.MAX_COUNTED):
        limit(None, "info", {"event": f"e{number}", "path": "/a"})

    assert len(limit._counters) == logs.MAX_COUNTED


class FullDisk(io.StringIO):
    def write(self, text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        self.write("")


def test_a_log_that_cannot_be_written_is_no_failure() -> None:
    closed = io.StringIO()
    written = Written(closed)
    closed.close()

    Written(FullDisk()).log.error("store.failed")
    written.log.error("store.failed")


def test_libraries_that_log_are_heard() -> None:
    written = Written()

    logging.getLogger("asyncio").error("%s happened", "x" * 999)
    logging.getLogger("watchfiles").info("3 changes detected")

    (entry,) = written.entries()
    assert entry["event"] == "library.logged"
    assert entry["logger"] == "asyncio"
    assert len(entry["message"]) == logs.MAX_MESSAGE
