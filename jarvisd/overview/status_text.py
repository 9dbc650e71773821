"""The status line: the whole picture in as many columns as there are."""

from collections.abc import Iterator
from typing import Literal

from jarvisd.base.sanitize import sanitize
from jarvisd.core.wire import Backfill
from jarvisd.overview.wire import StatusResult
from jarvisd.state.model import need_words

SEPARATOR = " · "
CENT_MICROS = 10_000

Format = Literal["plain", "tmux"]


def render_line(
    status: StatusResult, *, width: int = 0, format_: Format = "plain"
) -> str:
    """Return one line like `1 needs you · claude 3 live · $4.20 today`.

    How many need somebody comes first, and is never left out; what today has cost comes
    as soon as it has. In *width* columns (0: as many as it takes) what matters least is
    left out first: which agents, cost. For tmux each `#` is doubled, which it shows as
    one.
    """
    for text in map(SEPARATOR.join, _wordings(status)):
        if not width or len(text) <= width:
            break
    else:
        text = _cut(text, width)

    return text.replace("#", "##") if format_ == "tmux" else text


def render_tmux(status: StatusResult) -> str:
    """Return the shortest line with all of it, `2 need you · 3 live · $4.20`, for tmux.

    Who needs somebody stands on a colour of its own, to be read on a bar of any colour.
    """
    need = "".join(_need(status))
    rest = SEPARATOR.join(
        [*_live(status), *_cost(status, when=""), *_news(status)]
    ).replace("#", "##")
    if not need:
        return rest

    return f"#[fg=black,bg=yellow,bold] {need} #[default]{' ' * bool(rest)}{rest}"


def _wordings(status: StatusResult) -> Iterator[list[str]]:
    """Yield wordings, each with fewer parts, the fullest first."""
    live = [each for each in status.agents if each.live]
    agents = [f"{sanitize(each.agent)} {each.live} live" for each in live]
    cost = _cost(status)
    news = _news(status)
    yield _need(status) + (agents or _live(status)) + cost + news

    brief = _need(status) + _live(status)
    yield brief + cost + news
    yield brief + news
    yield brief
    yield _need(status) or brief


def _need(status: StatusResult) -> list[str]:
    words = need_words(status.need)
    return [words] if words else []


def _live(status: StatusResult) -> list[str]:
    """Return how many are at work; that none is only where nobody is needed."""
    if status.live:
        return [f"{status.live} live"]

    return [] if status.need else ["idle"]


def _cost(status: StatusResult, when: str = " today") -> list[str]:
    """Return the cost of today; a plus means that parts have no price."""
    if not (status.today_cost_micros or status.today_unpriced):
        return []

    more = "+" if status.today_unpriced else ""
    return [f"{dollars(status.today_cost_micros)}{more}{when}"]


def _news(status: StatusResult) -> list[str]:
    """Return the parts that are shown only at times."""
    backfill = [f"backfill {_percent(status.backfill)}%"]
    # Not while folders are only searched: there may be nothing to read.
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


def dollars(micros: int) -> str:
    """Return micro-dollars: `<$0.01`, `$0.04`, `$12.30`, from a thousand on `$1.2k`."""
    if 0 < micros < CENT_MICROS:
        return "<$0.01"

    value = micros / 1e6
    return f"${value:.2f}" if value < 1000 else f"${short(round(value))}"
