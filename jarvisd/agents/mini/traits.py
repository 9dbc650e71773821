"""What engines have to know of mini-swe-agent.

Facts: recorded runs of version 2.4.6.
"""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="2.4.6", newest="2.4.6")

TRAITS = Traits(has_states=True, free_modes=frozenset({"yolo"}))
