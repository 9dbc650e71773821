"""What tables call sessions: how short their ids are shown."""

from typing import Any

import pytest

from jarvisd.base.wire_types import Params
from jarvisd.cli import wall_clock
from jarvisd.cli.output.titles import ASK_AGAIN_S, MAX_TRIES, Named, Titles
from jarvisd.overview.names_wire import IdsShorten, IdsShortenResult
from jarvisd.overview.wire import SessionsPrompts, SessionsPromptsResult


class Asked:
    """A daemon that shows so many characters of each id, and what it was asked."""

    def __init__(self) -> None:
        self.chars = 4
        self.ids: list[list[str]] = []

    def __call__(self, params: Params, _answer: type[Any], /) -> Any:
        assert isinstance(params, IdsShorten)
        self.ids.append(params.ids)
        return IdsShortenResult(short=[each[: self.chars] for each in params.ids])


def test_a_new_id_may_make_others_longer() -> None:
    titles, daemon = Titles(), Asked()
    titles.learn_ids(daemon, ["01a1fbed-1", None])
    assert titles.short("01a1fbed-1") == "01a1"

    daemon.chars = 10
    titles.learn_ids(daemon, ["01a1fbed-1"])
    assert titles.short("01a1fbed-1") == "01a1"
    titles.learn_ids(daemon, ["01a1fbed-1", "01a1fbed-2"])

    assert titles.short("01a1fbed-1") == "01a1fbed-1"
    assert daemon.ids == [["01a1fbed-1"], ["01a1fbed-1", "01a1fbed-2"]]


def test_an_id_that_nobody_was_asked_about_is_shown_as_before() -> None:
    assert Titles().short("0123456789abcdef") == "01234567"


@pytest.mark.parametrize(("is_subagent", "times"), [(False, 9), (True, MAX_TRIES)])
def test_words_are_asked_for_until_there_are_some(
    monkeypatch: pytest.MonkeyPatch, is_subagent: bool, times: int
) -> None:
    now = [100.0]
    monkeypatch.setattr(wall_clock, "monotonic", lambda: now[0])
    asked = []

    def ask(params: Params, _answer: type[Any], /) -> Any:
        assert isinstance(params, SessionsPrompts)
        asked.append(now[0])
        return SessionsPromptsResult(sessions=[])

    titles = Titles()
    named = Named("claude", "5e55", None, "basket", is_subagent=is_subagent)
    for _ in range(9):
        titles.learn(ask, [named])
        titles.learn(ask, [named])
        now[0] += ASK_AGAIN_S

    assert len(asked) == times
