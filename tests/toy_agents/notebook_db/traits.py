"""What engines have to know of Notebook DB."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="1.0.0", newest="1.2.0")

TRAITS = Traits(has_states=True, questions=frozenset({"ask"}))
