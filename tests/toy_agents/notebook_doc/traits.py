"""What engines have to know of Notebook Doc."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.9.0", newest="0.9.4")

TRAITS = Traits(has_states=True, questions=frozenset({"ask_user"}))
