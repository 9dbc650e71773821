"""What engines have to know of gptme."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.35.1", newest="0.35.1")

TRAITS = Traits(
    has_states=True,
    questions=frozenset({"choice", "form", "elicit"}),
    edits=frozenset({"append", "patch", "patch_many", "save", "morph"}),
    subagents_end_with_turn=True,
)
