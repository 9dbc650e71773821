"""Numbers that no agent writes, and rows that the database refuses: told, never fatal."""

import json
import sqlite3
from contextlib import closing

import pytest

from jarvisd.core.wire import Problem
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.model import SessionView
from tests.agents.poisoned import poisoned
from tests.e2e.home import Home, append, append_bytes
from tests.e2e.rig import Daemon, running_daemon

MODEL = "claude-opus-4-8"


def response(number: int, *, output: int = 7) -> str:
    """Return a line of a transcript with one response of ten input tokens."""
    usage = {"input_tokens": 10, "output_tokens": output}
    message = {"id": f"m{number}", "role": "assistant", "model": MODEL, "usage": usage}
    stamp = f"2026-11-21T02:51:{number:02}.000Z"
    line = {"type": "assistant", "uuid": f"u{number}", "timestamp": stamp}
    return json.dumps({**line, "message": message})


async def output_of(daemon: Daemon, session_id: str) -> int:
    found = await daemon.ask("sessions.get", SessionView, session_id=session_id)
    return found.tokens.output


async def problem(daemon: Daemon, kind: str) -> Problem | None:
    health = await daemon.ask("health", HealthResult)
    return next((each for each in health.problems if each.kind == kind), None)


@pytest.mark.parametrize("agent", ["claude", "codex"])  # whose logs a home can hold
async def test_every_absurd_number_counts_as_absent_and_ends_nothing(
    home: Home, agent: str
) -> None:
    lines = list(poisoned(agent))
    path = home.transcript() if agent == "claude" else home.rollout()
    sane = home.transcript(session="sane")
    async with running_daemon(home) as daemon:
        append(sane, response(1))
        append_bytes(path, b"".join(each.text + b"\n" for each in lines))

        block = await daemon.block_at(path)
        told = await problem(daemon, "numbers_left_out")
        append(sane, response(2))
        await daemon.restart()
        again = await daemon.block_at(path)

        assert (block.line_count, block.malformed_count) == (len(lines), 0)
        assert told is not None
        left_out = sum(each.is_number and not each.is_allowed for each in lines)
        assert told.count == left_out
        assert block.block_id in told.message
        assert again.line_count == len(lines)
        assert await output_of(daemon, "sane") == 14
        assert await problem(daemon, "rows_refused") is None


async def test_a_row_that_the_database_refuses_is_put_aside_and_told(
    home: Home,
) -> None:
    path = home.transcript(session="one")
    other = home.transcript(session="two")
    async with running_daemon(home) as daemon:
        append(path, response(1))
        await daemon.sync()
        await daemon.terminate()
        refuse_outputs_of(home, 666)
        await daemon.start()

        append(path, response(2), response(3, output=666), response(4))
        append(other, response(5))
        await daemon.sync()
        told = await problem(daemon, "rows_refused")
        health = await daemon.ask("health", HealthResult)

        assert told is not None
        assert (told.count, "response" in told.message) == (1, True)
        assert (health.status, health.store.error) == ("degraded", None)
        assert "IntegrityError" in daemon.log()
        await daemon.restart()
        assert stored_outputs(home) == [7, 7, 7, 7]
        assert (await daemon.block_at(path)).line_count == 4
        assert await output_of(daemon, "two") == 7
        assert await problem(daemon, "rows_refused") is None


def refuse_outputs_of(home: Home, tokens: int) -> None:
    """Have the database refuse every response of so many output tokens."""
    with closing(sqlite3.connect(home.state / "jarvisd.db")) as database:
        database.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON response WHEN new.output = {tokens}"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )


def stored_outputs(home: Home) -> list[int]:
    with closing(sqlite3.connect(home.state / "jarvisd.db")) as database:
        rows = database.execute("SELECT output FROM response").fetchall()

    return [output for (output,) in rows]
