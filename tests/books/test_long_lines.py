"""Lines of megabytes, in the real daemon: all that they say, in little memory."""

from pathlib import Path
from typing import Any

import pytest

from tests.books.process import Process, started
from tests.books.rig import append, transcript
from tests.ledger import test_ledger_claude as claude

MIB = 1024 * 1024
MOST_BYTES = 256 * MIB
"""Of memory while any one line is read: what the README promises."""


def padded(line: bytes, member: bytes) -> bytes:
    """Return the object *line* with *member* before the members that it has."""
    return b"{" + member + b"," + line[1:]


def reply(number: int, **usage: Any) -> bytes:
    return claude.reply(f"m{number}", second=number, **usage)


def peak_bytes(daemon: Process) -> int:
    """Return the most memory that *daemon* has had at any time."""
    status = Path(f"/proc/{daemon.popen.pid}/status").read_text()
    (peak,) = (each for each in status.splitlines() if each.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


MEMBERS = {
    "many objects": b'"zzz":[' + b"{}," * (5 * MIB) + b"1]",
    "many lists in lists": b'"zzz":['
    + (b"[" * 30 + b"]" * 30 + b",") * 150_000
    + b"1]",
    "a result of many objects": b'"toolUseResult":[' + b"{}," * (2 * MIB) + b"1]",
    "many members": b'"a":0,' * (MIB // 2) + b'"b":0',
    "many members of lists": b'"a":[[0]],' * (MIB // 4) + b'"b":0',
    "a long text": b'"zzz":"' + b"\\n long" * (2 * MIB) + b'"',
    "a long text to be read": b'"summary":"' + b"long " * (4 * MIB) + b'"',
    "half surrogate pairs": b'"zzz":["' + b'\\ud800","' * MIB + b'"]',
    "no UTF-8": b'"zzz":"' + b"\xff" * (18 * MIB) + b'"',
}


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_a_long_line_counts_like_its_neighbours(tmp_path: Path, member: bytes) -> None:
    long = padded(reply(2, inp=4, out=2), member)
    lines = [reply(1, inp=1, out=1), long, reply(3, inp=16, out=8)]
    append(transcript(tmp_path), *lines)
    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        (block,) = daemon.ask("blocks.list")["blocks"]
        told = daemon.ask("sessions.explain", session_id="s1", all=True)
        peak = peak_bytes(daemon)
        health = daemon.ask("health")

    assert (block["tokens"]["input"], block["tokens"]["output"]) == (21, 11)
    assert (block["line_count"], block["oversize_count"]) == (3, 0)
    assert block["malformed_count"] == 0
    assert block["char_count"] == sum(map(len, lines))
    assert [each["verdict"] for each in told["lines"]] == ["counted"] * 3
    assert told["tokens"] == told["booked"]
    assert peak < MOST_BYTES
    assert health["problems"] == []


CONTENT = {
    "objects": b"{}," * (3 * MIB),
    "lists": b"[]," * (3 * MIB),
    "calls": b'{"type":"tool_use","id":"t","name":"Bash"},' * 100_000,
    "texts": b'{"type":"text","text":"Well."},' * 200_000,
}


@pytest.mark.parametrize("items", CONTENT.values(), ids=CONTENT)
def test_a_message_of_very_many_parts_costs_what_it_says(
    tmp_path: Path, items: bytes
) -> None:
    long = reply(2, inp=4, out=2).replace(
        b'"content":[', b'"content":[' + items + b"0,"
    )
    long = long.replace(b"0,]", b"0]")
    append(transcript(tmp_path), long, reply(3, inp=16, out=8))
    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        (block,) = daemon.ask("blocks.list")["blocks"]
        peak = peak_bytes(daemon)

    assert len(long) > 4 * MIB
    assert (block["tokens"]["input"], block["tokens"]["output"]) == (20, 10)
    assert peak < MOST_BYTES


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b'{"type":"user","zzz":' + b"[" * (5 * MIB), id="never closed"),
        pytest.param(
            b'{"zzz":'
            + b"[" * 100_000
            + b"]" * 100_000
            + b',"a":"'
            + b"x" * MIB
            + b'"}',
            id="nested too deep",
        ),
        pytest.param(b"[" + b"0," * (5 * MIB) + b"0]", id="a list"),
        pytest.param(b'{"a":"' + b"x" * MIB + b'"}{}', id="two records"),
        pytest.param(b'{"a":[1,' + b"{}," * MIB + b",1]}", id="one comma too many"),
        pytest.param(b"x" * (5 * MIB), id="no JSON"),
    ],
)
def test_a_long_line_that_is_no_record_is_malformed(tmp_path: Path, bad: bytes) -> None:
    append(transcript(tmp_path), reply(1, out=1), bad, reply(3, out=8))
    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        (block,) = daemon.ask("blocks.list")["blocks"]
        peak = peak_bytes(daemon)

    assert (block["line_count"], block["malformed_count"]) == (3, 1)
    assert block["tokens"]["output"] == 9
    assert peak < MOST_BYTES


def test_a_long_line_of_spaces_is_no_line(tmp_path: Path) -> None:
    append(transcript(tmp_path), reply(1, out=1), b" \t" * MIB)
    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        (block,) = daemon.ask("blocks.list")["blocks"]

    assert (block["line_count"], block["malformed_count"]) == (1, 0)


def test_a_line_that_is_too_long_to_be_read_is_told(tmp_path: Path) -> None:
    most = padded(reply(2, out=2), b'"zzz":"' + b"x" * (63 * MIB) + b'"')
    more = padded(reply(3, out=4), b'"zzz":"' + b"x" * (64 * MIB) + b'"')
    append(transcript(tmp_path), most, more)
    with started(tmp_path, tmp_path / "state") as daemon:
        daemon.ask("sync")
        (block,) = daemon.ask("blocks.list")["blocks"]
        health = daemon.ask("health")
        peak = peak_bytes(daemon)

    with started(tmp_path, tmp_path / "state") as daemon:
        later = daemon.ask("health")

    assert (block["tokens"]["output"], block["oversize_count"]) == (2, 1)
    for each in (health, later):
        (problem,) = each["problems"]
        assert (problem["kind"], problem["count"]) == ("lines_not_read", 1)
        assert each["status"] == "ok"

    assert peak < MOST_BYTES
