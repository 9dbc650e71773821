"""Where agents are told which hooks to run, and what a person must do besides."""

import pytest

from tests.agents.found import AGENTS, traits_of

HOOKED = [each.name for each in AGENTS if each.settings is not None]


@pytest.mark.parametrize("agent", HOOKED)
def test_every_hook_that_is_entered_means_something(agent: str) -> None:
    settings = AGENTS[agent].settings
    assert settings is not None

    assert settings.events.keys() <= traits_of(agent).hooks.moments.keys()


@pytest.mark.parametrize("agent", HOOKED)
@pytest.mark.parametrize("text", ["", "no = toml = at all", "features = 3"])
def test_advice_is_given_whatever_stands_in_the_file_beside(
    agent: str, text: str
) -> None:
    settings = AGENTS[agent].settings
    assert settings is not None

    assert AGENTS[agent].title in settings.advice(text)
