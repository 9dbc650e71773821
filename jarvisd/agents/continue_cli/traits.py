"""What engines have to know of Continue.

Facts: recorded sessions of version 1.5.47 of its command line.
"""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="1.5.47", newest="1.5.47")

TRAITS = Traits(has_states=True)
