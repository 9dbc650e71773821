"""What engines have to know of Cline.

Facts: runs and recorded sessions of version 3.0.65.
"""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="3.0.65", newest="3.0.65")

TRAITS = Traits(
    has_states=True,
    questions=frozenset({"ask_question", "ask_followup_question"}),
    free_modes=frozenset({"yolo"}),
    subagents_end_with_turn=True,
)
