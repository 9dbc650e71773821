"""What engines have to know of OpenHands.

Facts: recorded conversations of version 1.16.0 (SDK 1.21.0).
"""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="1.16.0", newest="1.16.0")

TRAITS = Traits(
    has_states=True,
    free_modes=frozenset({"NeverConfirm"}),
    subagents_end_with_turn=True,
)
