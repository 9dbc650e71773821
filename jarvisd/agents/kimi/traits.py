"""What engines have to know of Kimi Code."""

from jarvisd.agents.kimi import places
from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="2.1.0", newest="2.1.0")

TRAITS = Traits(
    account=places.account,
    has_states=True,
    questions=frozenset({"askuserquestion"}),
    polling=frozenset({"taskoutput", "tasklist"}),
    free_modes=frozenset({"auto", "yolo"}),
    subagents_end_with_turn=True,
)
