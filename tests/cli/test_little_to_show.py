"""What is printed where there is nothing to show, or little room to show it."""

import pytest

from jarvisd.cli.output import format as fmt
from jarvisd.cli.output.text import safe, width
from jarvisd.conversations.wire import ConversationsListResult
from jarvisd.reports.wire import ReportToolsResult, ReportWindowsResult
from tests.cli.conftest import Ctl, command
from tests.cli.fake_daemon import FakeDaemon
from tests.cli.terminal import Terminal


@pytest.mark.parametrize("columns", [60, 80])
def test_values_go_on_in_their_column_where_there_is_little_room(
    environ: dict[str, str], columns: int
) -> None:
    words = command("config", "show", "--origin")
    with Terminal(words, environ, columns=columns) as terminal:
        terminal.see("per_minute")
        assert terminal.status() == 0

    head, *shown = map(safe, terminal.output.decode().splitlines())
    assert head.split() == ["KEY", "VALUE", "ORIGIN"]
    assert all(width(each) <= columns for each in shown)
    value, origin = head.index("VALUE"), head.index("ORIGIN")
    broken = [each for each in shown if each.startswith(" ")]
    assert broken
    assert all(not each[:value].strip() for each in broken)
    assert {each[origin:] for each in shown if not each.startswith(" ")} == {"default"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("report", "plugin"), "no plugin was used in that time"),
        (("report", "tool"), "no tool was used in that time"),
        (("report", "blocks"), "nothing was spent in that time"),
        (("conversation", "list"), "no conversation is going on"),
        (("conversation", "list", "--all"), "there is no conversation yet"),
    ],
)
def test_nothing_to_show_is_said(
    ctl: Ctl, daemon: FakeDaemon, words: tuple[str, ...], told: str
) -> None:
    daemon.raw["report.windows"] = ReportWindowsResult(
        revision=7, now_ms=1, complete=True, windows=[], rates=[], limits=[]
    )
    daemon.raw["report.tools"] = ReportToolsResult(
        revision=7, tz="UTC", complete=True, rows=[]
    )
    daemon.raw["conversations.list"] = ConversationsListResult(conversations=[])

    done = ctl(*words)
    for_programs = ctl(*words, "--json")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"jarvisctl: {told}\n"
    assert for_programs.stderr == ""


def test_one_is_not_called_many() -> None:
    assert fmt.number_of(1, "subscription") == "1 subscription"
    assert fmt.number_of(0, "subscription") == "0 subscriptions"
    assert fmt.number_of(1_200, "line") == "1,200 lines"
