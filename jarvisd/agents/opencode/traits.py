"""What engines have to know of opencode."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="1.18.33", newest="1.18.33")

QUESTIONS = frozenset({"question", "plan_exit"})
"""Tools that wait for an answer or for a plan to be approved."""

TRAITS = Traits(has_states=True, questions=QUESTIONS)
