"""What engines have to know of Hermes."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.19.0", newest="0.19.0")

TRAITS = Traits(has_states=True, questions=frozenset({"clarify"}))
