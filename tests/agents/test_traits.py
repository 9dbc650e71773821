"""What is said of agents to the engines that judge their sessions."""

import pytest

from jarvisd.core.traits import NO_TRAITS, Moment
from tests.agents.found import AGENTS, traits_of

TALKING = [each.name for each in AGENTS if each.traits.has_states]
HOOKED = [each.name for each in AGENTS if each.traits.hooks.moments]


@pytest.mark.parametrize("agent", TALKING)
def test_tools_are_looked_up_in_lower_case(agent: str) -> None:
    traits = traits_of(agent)

    for tool in traits.questions | traits.edits | traits.polling:
        assert tool == tool.lower()


@pytest.mark.parametrize("agent", TALKING)
def test_a_question_is_one_however_it_is_written(agent: str) -> None:
    traits = traits_of(agent)

    assert all(traits.is_question(each.upper()) for each in traits.questions)
    assert not traits.is_question("Bash")
    assert not traits.is_question(None)


@pytest.mark.parametrize("agent", HOOKED)
def test_every_moment_has_a_hook_of_its_own(agent: str) -> None:
    words = traits_of(agent).hooks

    assert {words.name_of(each) for each in Moment} == words.moments.keys()


def test_of_an_unknown_agent_nothing_is_known() -> None:
    assert traits_of("some-agent") == NO_TRAITS
