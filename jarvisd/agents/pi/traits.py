"""What engines have to know of pi and oh-my-pi."""

from jarvisd.agents.pi import places
from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.73.0", newest="1.6.0")
"""Of pi; the logs do not name the version that wrote them."""

TRAITS = Traits(
    account=places.account,
    has_states=True,
    questions=frozenset({"ask"}),
    polling=frozenset({"poll", "job", "sleep"}),
    subagents_end_with_turn=True,
)
