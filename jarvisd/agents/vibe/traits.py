"""What engines have to know of Mistral Vibe."""

from jarvisd.agents.vibe import places
from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="3.0.2", newest="3.0.2")
"""The logs do not name the version that wrote them."""

TRAITS = Traits(
    account=places.account,
    has_states=True,
    questions=frozenset({"ask_user_question"}),
    subagents_end_with_turn=True,
)
