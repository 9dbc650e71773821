"""What engines have to know of Gemini CLI."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.46.0", newest="0.61.0")

TRAITS = Traits(
    has_states=True,
    questions=frozenset({"ask_user", "exit_plan_mode"}),
    edits=frozenset({"write_file", "replace"}),
    subagents_end_with_turn=True,
)
