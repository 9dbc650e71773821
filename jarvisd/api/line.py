"""The status line: the whole picture in as many columns as there are."""

from collections.abc import Iterator
from typing import Literal

from jarvisd.api.sanitize import sanitize
from jarvisd.protocol.methods import Backfill, StatusResult

SEPARATOR = " · "

Format = Literal["plain", "tmux"]


def render_line(
    status: StatusResult, *, width: int = 0, format_: Format = "plain"
) -> str:
    """Return one line like `claude 3 live · codex 1 live · 1.2k lines · ~34k tok`.

    In *width* columns (0: as many as it takes) what matters least is left out first:
    lines, then tokens, then which agents. For tmux each `#` is doubled, which it
    shows as one.
    """
    for text in map(SEPARATOR.join, _wordings(status)):
        if not width or len(text) <= width:
            break
    else:
        text = _cut(text, width)

    return text.replace("#", "##") if format_ == "tmux" else text


def _wordings(status: StatusResult) -> Iterator[list[str]]:
    """Give ways to say it, part by part, the fullest first."""
    live = [each for each in status.agents if each.live]
    agents = [f"{sanitize(each.agent)} {each.live} live" for each in live] or ["idle"]
    lines = [f"{short(status.line_count)} lines"]
    tokens = [f"~{short(status.token_estimate)} tok"]
    news = _news(status)
    yield agents + lines + tokens + news
    yield agents + tokens + news
    yield agents + news

    brief = [f"{status.live} live" if status.live else "idle"]
    yield brief + news
    yield brief


def _news(status: StatusResult) -> list[str]:
    """Return what is there only now and then."""
    backfill = [f"backfill {_percent(status.backfill)}%"]
    reading = status.backfill.files_done < status.backfill.files_total
    return (backfill if reading else []) + (["degraded"] if status.degraded else [])


def _percent(backfill: Backfill) -> int:
    return min(99, 100 * backfill.bytes_done // max(1, backfill.bytes_total))


def _cut(text: str, width: int) -> str:
    return text[: width - 1] + "…"


def short(number: int) -> str:
    """Return *number* in at most four characters, like `999`, `1.2k`, `34k`, `5.6M`."""
    if number < 1000:
        return str(number)

    value = float(number)
    for unit in "kMGT":
        value /= 1000
        # Decided on the rounded number, so that nothing reads "1000k".
        if value < 9.95:
            return f"{value:.1f}{unit}"

        if value < 999.5:
            return f"{value:.0f}{unit}"

    return f"{value:.0f}T"
