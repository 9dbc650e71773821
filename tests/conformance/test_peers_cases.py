"""Logs of a few lines, on which tools do not agree: each says what the page says."""

from pathlib import Path

import pytest

from tests.conformance.cases import CASES, Case
from tests.conformance.peers import (
    Json,
    ccusage,
    compatible,
    needs_peers,
    tokscale,
)
from tests.e2e.home import Home, append
from tests.e2e.rig import running_daemon

pytestmark = [pytest.mark.conformance, needs_peers()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.where)
async def test_each_says_what_the_page_says(case: Case, home: Home) -> None:
    append(home.transcript(), *case.lines)

    assert of_ccusage(ccusage(home.folder, "daily")) == case.ccusage
    assert of_tokscale(home.folder) == case.tokscale
    async with running_daemon(home) as daemon:
        await daemon.sync()
        assert of_ccusage(await compatible(home, "daily")) == case.jarvisd


def of_ccusage(report: Json) -> str:
    totals = report["totals"]
    return cell(totals["totalTokens"], totals["totalCost"])


def of_tokscale(home: Path) -> str:
    found = tokscale(home, "models")
    buckets = "totalInput", "totalOutput", "totalCacheRead", "totalCacheWrite"
    return cell(sum(found[each] for each in buckets), found["totalCost"])


def cell(tokens: int, cost: float) -> str:
    return f"{tokens:,} tokens, ${cost:.6f}"
