"""What engines have to know of OpenClaw."""

from jarvisd.agents.openclaw import places
from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="2026.2", newest="2026.9.6")
"""The logs do not name the version that wrote them."""

TRAITS = Traits(
    account=places.account,
    has_states=True,
    polling=frozenset({"process", "sessions_list", "session_status"}),
    subagents_end_with_turn=True,
)
