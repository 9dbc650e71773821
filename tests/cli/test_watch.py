"""The live view: what is painted, what is told to programs, and that it gives all back."""

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.cli import wall_clock
from jarvisd.core.origin import BlockView, Life
from jarvisd.overview.wire import SessionsPrompts
from jarvisd.rpc.client_wire import Subscribe
from tests.cli.conftest import LIMIT_S, command
from tests.cli.fake_daemon import HALF_WAY, SCANNING, FakeDaemon, block
from tests.cli.terminal import Terminal

LEFT = b"\x1b[?1049l"


def fresh(block_id: str = "0123456789abcdef", **fields: Any) -> BlockView:
    return block(block_id, last_activity_ms=wall_clock.unix_ms(), **fields)


OLD = block("aaaa000000000000", life=Life.QUIET, last_activity_ms=1_000)


@contextmanager
def watching(
    environ: dict[str, str], *words: str, columns: int = 80
) -> Iterator[Terminal]:
    with Terminal(command("watch", *words), environ, columns=columns) as terminal:
        yield terminal


def is_subscribed(daemon: FakeDaemon) -> bool:
    return daemon.was_asked(Subscribe)


def test_changes_are_painted_and_nothing_else_is(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [fresh("bbbb000000000000", line_count=5), fresh(line_count=7)]
    with watching(environ, columns=160) as terminal:
        terminal.see("01234567")
        seen = len(terminal.output)
        daemon.tell(fresh(line_count=777))
        terminal.see("777")

    assert b"BLOCK" not in terminal.output[seen:]


def test_the_first_words_are_shown_whenever_they_are_written(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [fresh(title=None)]
    with watching(environ, columns=160) as terminal:
        daemon.wait_until(
            lambda: sum(isinstance(each, SessionsPrompts) for each in daemon.asked) > 3
        )
        daemon.prompts = {str(daemon.blocks[0].session_id): "Mend the basket"}
        terminal.see("Mend the basket")


def test_the_newest_comes_first_and_the_old_on_demand(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [OLD, fresh()]
    with watching(environ) as terminal:
        shown = terminal.see("1 older")
        assert b"aaaa0000" not in shown
        terminal.type(b"a")
        terminal.see("aaaa0000")


def test_with_a_filter_only_those_that_are_shown_need_somebody(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    asking = {"state": State.WAITING_APPROVAL, "state_confidence": Confidence.HIGH}
    guess = {"state": State.WAITING_ANSWER, "state_confidence": Confidence.LOW}
    daemon.blocks = [
        fresh("aaaa000000000000", project="shop", session_id="s1", **asking),
        fresh("bbbb000000000000", project="shop", session_id="s2", **guess),
        fresh("cccc000000000000", project="infra", session_id="s3", **asking),
    ]
    with watching(environ, "--project", "shop") as terminal:
        terminal.see("1 needs you")
        terminal.see("answer?")


def test_progress_of_history_is_shown(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.backfill = HALF_WAY
    with watching(environ) as terminal:
        terminal.see("backfill: 1.2 of 4.0 GB, 18 s left")


def test_an_empty_view_says_so_while_history_is_read(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.backfill = SCANNING
    with watching(environ) as terminal:
        shown = terminal.see("still reading the logs")
        assert b"backfill: searching for transcripts" in shown


def test_an_empty_view_says_how_to_begin(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    with watching(environ) as terminal:
        terminal.see("jarvisctl ingest")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        pytest.param(b"q", 0, id="q"),
        pytest.param(b"\x03", 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
    ],
)
def test_the_terminal_is_given_back(
    environ: dict[str, str],
    daemon: FakeDaemon,
    end: bytes | signal.Signals,
    status: int,
) -> None:
    with watching(environ) as terminal:
        terminal.see("jarvisd")
        assert not terminal.is_restored()
        if isinstance(end, bytes):
            terminal.type(end)
        else:
            terminal.process.send_signal(end)

        assert terminal.status() == status
        assert terminal.is_restored()
        assert LEFT in terminal.output
        assert b"Traceback" not in terminal.output


def test_a_restarted_daemon_is_waited_for(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [fresh()]
    with watching(environ) as terminal:
        terminal.see("01234567")
        daemon.stop()
        terminal.see("waiting for jarvisd")
        daemon.blocks = [fresh("cccc000000000000")]
        daemon.start()
        terminal.see("cccc0000")


def test_a_new_size_of_the_window_is_used(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [fresh(project="a-project-with-a-very-long-name-that-is-cut-here")]
    with watching(environ) as terminal:
        terminal.see("…")
        terminal.resize(200, 50)
        terminal.see("a-project-with-a-very-long-name-that-is-cut-here")


def test_more_blocks_than_rows_fit_on_the_screen(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [fresh(f"{n:04x}000000000000") for n in range(1000)]
    with watching(environ) as terminal:
        terminal.see("1000 shown")

    assert b"\x1b[25H" not in terminal.output


def test_rows_stay_where_they_are_while_lines_come(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    now_ms = wall_clock.unix_ms()
    names = [f"{number:x}" * 16 for number in range(1, 6)]
    begun = {name: now_ms - 1_000 * place for place, name in enumerate(names)}
    daemon.blocks = [
        block(name, start_ts_ms=begun[name], last_activity_ms=now_ms) for name in names
    ]
    with watching(environ, columns=160) as terminal:
        terminal.see(names[-1][:8])
        terminal.output = b""
        for name in reversed(names):
            busy = block(
                name,
                start_ts_ms=begun[name],
                last_activity_ms=wall_clock.unix_ms() + 1_000,
                line_count=7_000,
            )
            daemon.tell(busy)

        terminal.see("7.0k", times=5)
        terminal.type(b"q")

    painted = re.findall(rb"\x1b\[(\d+)H\x1b\[K(\w{8}) .*?7\.0k", terminal.output)
    # The heading stands in the third row.
    assert dict(painted) == {
        b"%d" % (4 + place): name[:8].encode() for place, name in enumerate(names)
    }


def test_columns_stay_while_states_change(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    usual: dict[str, Any] = {
        "session_id": "s1",
        "title": "Fix the cart",
        "cost_micros": 10_000_000,
    }
    daemon.blocks = [fresh(**usual, state=State.IDLE)]
    with watching(environ) as terminal:
        terminal.see("idle")
        seen = len(terminal.output)
        daemon.tell(
            fresh(
                **usual,
                state=State.WORKING,
                activity=Activity.TOOL,
                state_tool="x" * 30,
            )
        )
        terminal.see("working")

    # The heading is painted once.
    assert b"STATE" not in terminal.output[seen:]


def test_a_long_list_scrolls_and_says_where_one_is(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    now_ms = wall_clock.unix_ms()
    daemon.blocks = [
        fresh(f"{n:04x}000000000000", start_ts_ms=now_ms - n) for n in range(100)
    ]
    with watching(environ) as terminal:
        shown = terminal.see("1-19 of 100 · q quit")
        assert b"00000000" in shown
        assert b"00630000" not in shown
        terminal.type(b"\x1b[6~")
        terminal.see("19-37 of 100")
        terminal.type(b"\x1b[F")
        terminal.see("82-100 of 100")
        terminal.see("00630000")
        terminal.type(b"k")
        terminal.see("81-99 of 100")
        # A sequence that nobody knows is no key, whatever its letters stand for.
        terminal.type(b"\x1b[1;5q\x1b[H")
        terminal.see("1-19 of 100", times=2)
        terminal.type(b"q")
        assert terminal.status() == 0


def test_ctrl_z_lends_the_terminal_to_the_shell(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    # Only a shell with job control can be stopped to.
    script = f"{shlex.join(command('watch'))}; echo lent; read x; fg"
    with Terminal(["bash", "-mc", script], environ) as terminal:
        terminal.see("jarvisd")
        terminal.type(b"\x1a")
        terminal.see("lent")
        assert terminal.is_restored()
        assert LEFT in terminal.output
        terminal.type(b"\r")
        terminal.see(b"\x1b[?1049h", times=2)
        terminal.see("jarvisd", times=2)
        terminal.type(b"q")
        assert terminal.status() == 0


@pytest.mark.parametrize(
    "fields", [{"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=["dumb", "NO_COLOR"]
)
def test_colour_is_left_out_where_it_is_not_wanted(
    environ: dict[str, str], daemon: FakeDaemon, fields: dict[str, str]
) -> None:
    daemon.blocks = [fresh()]
    with Terminal(command("watch"), environ | fields) as terminal:
        terminal.see("01234567")

    assert b"\x1b[32m" not in terminal.output
    assert (b"\x1b" in terminal.output) == ("NO_COLOR" in fields)


def test_no_daemon_at_first_is_an_error(environ: dict[str, str]) -> None:
    with watching(environ) as terminal:
        assert terminal.status() == 4
        assert b"\x1b[?1049h" not in terminal.output


# --- for programs


@contextmanager
def streaming(
    environ: dict[str, str], *words: str
) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        command(*words), env=environ, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def answers(running: "subprocess.Popen[str]", topic: str) -> Iterator[Any]:
    assert running.stdout is not None
    for line in running.stdout:
        answer = json.loads(line)
        assert answer["schema"] == 1
        if answer["topic"] == topic:
            yield answer["data"]


def test_programs_are_told_each_change_on_a_line(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [OLD, fresh(line_count=1)]
    with streaming(environ, "watch") as running:
        told = answers(running, "blocks")
        assert next(told)["line_count"] == 1
        daemon.wait_until(lambda: is_subscribed(daemon))
        daemon.tell(fresh(line_count=2))
        assert next(told)["line_count"] == 2


def test_programs_are_told_of_a_restart_and_what_changed_meanwhile(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [fresh("bbbb000000000000"), fresh(line_count=1)]
    with streaming(environ, "watch", "--json") as running:
        assert next(answers(running, "daemon")) == {"connected": True}
        daemon.stop()
        assert next(answers(running, "daemon")) == {"connected": False}
        daemon.blocks = [daemon.blocks[0], fresh(line_count=2)]
        daemon.start()
        assert next(answers(running, "blocks"))["line_count"] == 2


def test_programs_are_told_how_far_history_is_read(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.backfill = HALF_WAY
    with streaming(environ, "watch") as running:
        assert next(answers(running, "backfill"))["bytes_done"] == 1_200_000_000


def test_a_gap_makes_the_whole_list_be_read_again(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    with streaming(environ, "watch") as running:
        assert next(answers(running, "daemon")) == {"connected": True}
        daemon.blocks = [fresh(line_count=9)]
        daemon.notify("resync", {"subscription": "s1", "cursor": "i:1"})
        assert next(answers(running, "blocks"))["line_count"] == 9


# --- tail -f


def test_a_followed_block_is_printed_until_it_ends(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.blocks = [fresh(line_count=1)]
    lines = daemon.pushed["0123456789abcdef"] = ["one"]
    with subprocess.Popen(
        command("tail", "-f", "0123"), env=environ, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "one\n"
        daemon.wait_until(lambda: is_subscribed(daemon))
        lines.append("two")
        daemon.tell(fresh(line_count=2))
        assert running.stdout.readline() == "two\n"
        lines.append("three")
        daemon.tell(fresh(line_count=3, life=Life.ENDED))
        output, _ = running.communicate(timeout=LIMIT_S)

    assert (output, running.returncode) == ("three\n", 0)


def test_a_tail_on_a_terminal_obeys_nothing_in_the_lines(
    environ: dict[str, str], daemon: FakeDaemon, tmp_path: Path
) -> None:
    daemon.blocks = [fresh()]
    daemon.pushed["0123456789abcdef"] = ["a\x1b]0;evil\x07b"]
    with Terminal(command("tail", "0123"), environ) as terminal:
        assert terminal.status() == 0
        assert terminal.output == b"ab\r\n"

    with Terminal(command("tail", "--raw", "0123"), environ) as terminal:
        assert terminal.status() == 0
        assert b"\x1b]0;evil" in terminal.output
