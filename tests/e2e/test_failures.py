"""Turns that died, through the real daemon: limits, logged out, errors, Esc."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from jarvisd.base.wire_types import Done
from jarvisd.cli import wall_clock
from jarvisd.state.wire import LiveSession, StatesListResult
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

HOUR_MS = 3_600_000


@pytest.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    async with running_daemon(home) as running:
        yield running


async def a_failure(daemon: Daemon, words: str, error: str, ago_ms: int = 0) -> str:
    """Write a transcript whose turn ended with *words*; return its session."""
    session, now_ms = str(uuid4()), wall_clock.unix_ms()
    message = {
        "model": "<synthetic>",
        "content": [{"type": "text", "text": words}],
        "stop_reason": "stop_sequence",
    }
    lines: list[dict[str, Any]] = [
        {"type": "user", "message": {"role": "user", "content": "go"}},
        {
            "type": "assistant",
            "isApiErrorMessage": True,
            "error": error,
            "message": message,
        },
    ]
    usual = {
        "sessionId": session,
        "cwd": "/home/me/demo",
        "timestamp": wall_clock.iso(now_ms - ago_ms),
    }
    path = daemon.home.transcript(session=session)
    append(path, *(json.dumps({**usual, **each}) for each in lines))
    await daemon.sync()
    return session


async def the_one(daemon: Daemon) -> LiveSession:
    """Return the one session, once it was judged."""
    found: list[LiveSession] = []

    async def is_judged() -> bool:
        told = await daemon.ask("states.list", StatesListResult, over=True)
        found[:] = [each for each in told.sessions if each.state.state != "unknown"]
        return len(found) == 1

    await eventually(is_judged)
    return found[0]


def at_clock(at_ms: int) -> str:
    """Return the time of day as Claude Code writes it."""
    hour, minute = divmod(at_ms // 60_000 % 1440, 60)
    return f"{hour % 12 or 12}:{minute:02}{'pm' if hour >= 12 else 'am'} (UTC)"


async def test_a_limit_lasts_until_the_moment_that_it_names(daemon: Daemon) -> None:
    resets_ms = (wall_clock.unix_ms() + 2 * HOUR_MS) // 60_000 * 60_000
    words = f"You're out of extra usage · resets {at_clock(resets_ms)}"
    await a_failure(daemon, words, "rate_limit")

    state = (await the_one(daemon)).state
    checked = await jarvisctl(daemon.home, "next", "--check")
    assert (state.state, state.until_ms) == ("limited", resets_ms)
    assert checked.returncode == 1


async def test_a_limit_that_is_over_needs_nobody(daemon: Daemon) -> None:
    words = f"5-hour limit reached ∙ resets {at_clock(wall_clock.unix_ms() - HOUR_MS)}"
    await a_failure(daemon, words, "rate_limit", ago_ms=2 * HOUR_MS)

    assert (await the_one(daemon)).state.state == "idle"


@pytest.mark.parametrize(
    ("words", "error", "evidence"),
    [
        ("Not logged in · Please run /login", "authentication_failed", "not logged in"),
        ("Credit balance is too low", "billing_error", "no credit left"),
        ("Your organization has been disabled", "billing_error", "account disabled"),
        ("API Error: 500 x", "unknown", "API error"),
    ],
)
async def test_what_only_a_person_can_put_right_is_listed(
    daemon: Daemon, words: str, error: str, evidence: str
) -> None:
    await a_failure(daemon, words, error)

    state = (await the_one(daemon)).state
    checked = await jarvisctl(daemon.home, "next", "--check")
    assert (state.state, state.evidence) == ("waiting_answer", evidence)
    assert evidence.encode() in checked.stdout
    assert checked.returncode == 1


async def test_esc_before_the_first_output_is_told_by_the_notice(
    daemon: Daemon,
) -> None:
    payload = {"session_id": str(uuid4()), "cwd": "/home/me/demo"}
    for event in (
        {"hook_event_name": "UserPromptSubmit"},
        {"hook_event_name": "Notification", "notification_type": "idle_prompt"},
    ):
        await daemon.ask("hook", Done, agent="claude", payload=payload | event)

    state = (await the_one(daemon)).state
    assert (state.state, state.tier, state.confidence) == ("idle", "hook", "high")
