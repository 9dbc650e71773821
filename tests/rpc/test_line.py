"""The status line says what matters in as many columns as there are."""

import msgspec
import pytest

from jarvisd.base.sanitize import sanitize
from jarvisd.core.wire import Backfill
from jarvisd.overview.status_text import render_line, render_tmux, short
from jarvisd.overview.wire import AgentStatus, StatusResult
from tests.rpc.fakes import NOTHING_TO_READ


def agent(name: str, live: int) -> AgentStatus:
    return AgentStatus(
        agent=name,
        blocks=9,
        live=live,
        line_count=5,
        token_estimate=5,
        last_activity_ms=1,
    )


def status(
    *agents: AgentStatus,
    backfill: Backfill = NOTHING_TO_READ,
    degraded: bool = False,
) -> StatusResult:
    return StatusResult(
        version="0.1.0",
        now_ms=0,
        revision=1,
        blocks=18,
        live=sum(each.live for each in agents),
        line_count=1234,
        token_estimate=34_321,
        last_activity_ms=1,
        agents=list(agents),
        newest=[],
        backfill=backfill,
        degraded=degraded,
    )


READING = msgspec.structs.replace(
    NOTHING_TO_READ, files_total=9, files_done=3, bytes_total=1000, bytes_done=429
)
TWO = status(agent("claude", 3), agent("codex", 1), agent("gemini", 0))
NEEDED = msgspec.structs.replace(TWO, need=2, today_cost_micros=4_200_000)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        pytest.param(
            TWO,
            "claude 3 live · codex 1 live",
            id="two agents at work",
        ),
        pytest.param(status(), "idle", id="nothing at work"),
        pytest.param(
            status(backfill=msgspec.structs.replace(NOTHING_TO_READ, scanning=True)),
            "idle",
            id="nothing found to read",
        ),
        pytest.param(
            status(agent("claude", 1), backfill=READING),
            "claude 1 live · backfill 42%",
            id="history is being read",
        ),
        pytest.param(
            status(degraded=True),
            "idle · degraded",
            id="something is wrong",
        ),
        pytest.param(
            status(agent("cl\x1b]0;x\x07aude\u202e", 1)),
            "cl]0;xaude 1 live",
            id="a name that would steer the terminal",
        ),
    ],
)
def test_the_line_says_what_is_going_on(given: StatusResult, text: str) -> None:
    assert render_line(given) == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (0, "2 need you · claude 3 live · codex 1 live · $4.20 today"),
        (55, "2 need you · claude 3 live · codex 1 live · $4.20 today"),
        (54, "2 need you · 4 live · $4.20 today"),
        (32, "2 need you · 4 live"),
        (18, "2 need you"),
        (9, "2 need y…"),
        (1, "…"),
    ],
)
def test_what_matters_least_is_left_out_first(width: int, text: str) -> None:
    assert render_line(NEEDED, width=width) == text


@pytest.mark.parametrize("width", range(1, 60))
def test_the_line_is_never_wider_than_asked(width: int) -> None:
    assert len(render_line(NEEDED, width=width)) <= width


@pytest.mark.parametrize(
    ("given", "text"),
    [
        pytest.param(
            NEEDED,
            "#[fg=black,bg=yellow,bold] 2 need you #[default] 4 live · $4.20",
            id="somebody is needed",
        ),
        pytest.param(
            msgspec.structs.replace(status(), need=1),
            "#[fg=black,bg=yellow,bold] 1 needs you #[default]",
            id="and nothing is at work",
        ),
        pytest.param(TWO, "4 live", id="nobody is needed"),
        pytest.param(status(), "idle", id="nothing at all"),
    ],
)
def test_the_segment_of_tmux_is_short(given: StatusResult, text: str) -> None:
    assert render_tmux(given) == text


def test_tmux_is_given_each_hash_twice() -> None:
    assert render_line(status(agent("c#", 1)), format_="tmux").startswith("c## 1 live")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (9949, "9.9k"),
        (9950, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (12_345_678, "12M"),
        (10**13, "10T"),
        (10**16, "10000T"),
    ],
)
def test_numbers_are_short(number: int, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        pytest.param("shop", "shop", id="plain"),
        pytest.param("Zürich 東京 🚀", "Zürich 東京 🚀", id="letters of any kind"),
        pytest.param("a\x1b[31mb\x9b1mc", "a[31mb1mc", id="escapes of both kinds"),
        pytest.param("a\r\n\tb\x00\x7f", "ab", id="controls"),
        pytest.param("exe.\u202etxt\u202c", "exe.txt", id="direction overrides"),
        pytest.param("\u2066a\u2069\u061c\u200e", "a", id="isolates and marks"),
        pytest.param("a\u200b\u200d\ufeff\u2060b", "ab", id="zero width"),
        pytest.param("a\u2028b\u2029", "ab", id="line separators"),
        pytest.param("a\U000e0041\ufe0fb", "ab", id="tags and variation selectors"),
        pytest.param("a\u3164\u2800b", "ab", id="blanks that count as letters"),
        pytest.param("a\ud800b", "ab", id="lone surrogate"),
    ],
)
def test_text_is_made_harmless(text: str, safe: str) -> None:
    assert sanitize(text) == safe
