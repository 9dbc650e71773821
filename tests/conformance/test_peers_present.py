"""The window that is open now: the same as ccusage's, until the provider says better."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from jarvisd.base.clock import SystemClock
from tests.conformance.differences import Facts, differences, explanation
from tests.conformance.peers import Json, ccusage, compatible, needs_peers
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import running_daemon
from tests.ledger.books import line

pytestmark = [pytest.mark.conformance, needs_peers()]

ATTEMPTS = 5
REPLIES = 6
FACTS = Facts(responses=REPLIES)


async def test_the_present_window_burns_as_with_ccusage_until_its_end_is_told(
    home: Home,
) -> None:
    now = datetime.fromtimestamp(SystemClock().unix_ms() // 1000, UTC)
    path = home.transcript()
    append(path, *(reply(each, now) for each in range(REPLIES)))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        theirs, ours = await within_a_minute(home)
        found = list(differences("blocks", theirs, ours))

        end = now + timedelta(hours=2, minutes=17)
        await tell_the_end(home, end)
        official = await compatible(home, "blocks")
        moved = list(differences("official blocks", theirs, official))

    (block,) = theirs["blocks"]
    assert block["isActive"]
    assert block["burnRate"]["tokensPerMinute"] > 0
    assert block["projection"]["remainingMinutes"] > 0
    assert [each for each in found if explanation(each, FACTS) is None] == []

    known = {explanation(each, FACTS) for each in moved}
    assert {each and each.where for each in known} == {"the present block"}

    (placed,) = official["blocks"]
    assert datetime.fromisoformat(placed["endTime"]) == end
    assert placed["totalTokens"] == block["totalTokens"]


async def within_a_minute(home: Home) -> tuple[Json, Json]:
    """Return what both say while no minute passes, since projections count minutes."""
    before = await compatible(home, "blocks")
    for _ in range(ATTEMPTS):
        theirs, after = ccusage(home.folder, "blocks"), await compatible(home, "blocks")
        if before == after:
            return theirs, after

        before = after

    raise AssertionError("every answer took a minute")


async def tell_the_end(home: Home, end: datetime) -> None:
    limit = {"used_percentage": 35, "resets_at": int(end.timestamp())}
    status = json.dumps({"session_id": "s1", "rate_limits": {"five_hour": limit}})
    done = await jarvisctl(home, "statusline", stdin=status.encode())
    assert done.returncode == 0


def reply(number: int, now: datetime) -> str:
    """Return a response of some minutes ago."""
    at = now - timedelta(minutes=30 - 5 * number)
    usage = {"input_tokens": 10, "output_tokens": 500, "cache_read_input_tokens": 9_000}
    return line(
        type="assistant",
        timestamp=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        requestId=f"req_{number}",
        message={
            "id": f"msg_{number}",
            "model": "claude-sonnet-4-5-20250929",
            "usage": usage,
        },
    ).decode()
