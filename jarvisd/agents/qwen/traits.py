"""What engines have to know of Qwen Code."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.24.4", newest="0.24.4")

TRAITS = Traits(
    has_states=True,
    questions=frozenset({"ask_user_question", "exit_plan_mode"}),
    edits=frozenset({"edit", "write_file", "notebook_edit"}),
    free_modes=frozenset({"yolo"}),
    self_answering_modes=frozenset({"auto"}),
    edit_modes=frozenset({"auto-edit", "yolo"}),
    subagents_end_with_turn=True,
)
