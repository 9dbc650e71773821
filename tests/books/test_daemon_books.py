"""The accounts of the real daemon, over its socket and over its sudden death."""

from pathlib import Path
from typing import Any

from tests.books.process import started
from tests.books.rig import append, transcript
from tests.ledger import test_ledger_claude as claude

TURNS = 60


def turn(number: int) -> list[bytes]:
    second = 10 * number
    call = claude.call(f"t{number}")
    return [
        claude.prompt(second=second, key=f"p{number}"),
        claude.reply(f"m{number}", second=second + 1, inp=3, out=1, read=5),
        claude.reply(
            f"m{number}", second=second + 2, inp=3, out=9, read=5, blocks=[call]
        ),
        claude.result(f"t{number}", second=second + 3),
    ]


def facts(session: dict[str, Any]) -> tuple[int, ...]:
    tokens = session["tokens"]
    return (
        session["assistant_messages"],
        session["prompts"],
        session["tool_calls"],
        session["user_lines"],
        session["assistant_lines"],
        tokens["input"],
        tokens["output"],
    )


def test_a_killed_daemon_goes_on_where_its_disk_stands(tmp_path: Path) -> None:
    path, fork = (transcript(tmp_path, name) for name in ("s1", "s2"))
    for round_ in range(4):
        numbers = range(round_ * TURNS // 4, (round_ + 1) * TURNS // 4)
        with started(tmp_path, tmp_path / "state") as daemon:
            if round_ % 2:
                daemon.ask("sync")

            for number in numbers:
                append(path, *turn(number))
                append(fork, *turn(number), claude.prompt(second=1, key=f"f{number}"))
                daemon.ask("status")

            daemon.kill()

    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        both = daemon.ask("sessions.list")["sessions"]
        by_id = {each["session_id"]: each for each in both}
        blocks = daemon.ask("blocks.list")["blocks"]

    mine = (TURNS, TURNS, TURNS, 2 * TURNS, 2 * TURNS, 3 * TURNS, 9 * TURNS)
    assert facts(by_id["s1"]) == mine
    assert facts(by_id["s2"]) == (0, TURNS, 0, 3 * TURNS, 2 * TURNS, 0, 0)
    assert sum(each["line_count"] for each in blocks) == 9 * TURNS


def test_a_session_is_found_by_the_start_of_its_id(tmp_path: Path) -> None:
    append(transcript(tmp_path, "abcdef"), *turn(1))
    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        session = daemon.ask("sessions.get", session_id="abc")
        (block,) = daemon.ask("blocks.list")["blocks"]

    assert session["session_id"] == "abcdef"
    assert session["blocks"] == [block["block_id"]]
    assert session["last_tool"] == block["last_tool"] == "Bash"
    assert session["tokens"] == block["tokens"]
    assert session["cost_micros"] == block["cost_micros"] > 0


def test_a_change_of_prices_changes_what_was_spent(tmp_path: Path) -> None:
    append(transcript(tmp_path), *turn(1))
    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        listed = daemon.ask("sessions.get", session_id="s1")

    config = tmp_path / "state" / "config" / "jarvisd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'prices."{listed["model"]}" = {{ input = 1000, output = 0 }}')
    with started(tmp_path, tmp_path / "state") as daemon:
        # Costs are counted anew beside the reading, a slice a flush.
        for _ in range(100):
            daemon.ask("sync")
            own = daemon.ask("sessions.get", session_id="s1")
            if own["cost_micros"] != listed["cost_micros"]:
                break

    assert listed["unpriced"] == own["unpriced"] == 0
    assert own["cost_micros"] == (3 + 5) * 1000
    assert listed["cost_micros"] < own["cost_micros"]
