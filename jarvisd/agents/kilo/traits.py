"""What engines have to know of Kilo CLI."""

from jarvisd.agents.opencode.traits import QUESTIONS
from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="7.7.7", newest="7.7.7")

TRAITS = Traits(
    has_states=True, questions=QUESTIONS | {"ask_followup_question", "suggest"}
)
