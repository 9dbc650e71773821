"""What engines have to know of Aider."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.86.2", newest="0.86.2")
TRAITS = Traits(has_states=True, estimates_tokens=True)
