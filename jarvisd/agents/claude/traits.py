"""What engines have to know of Claude Code.

Facts: formats, runs, hooks and registries of versions 2.0 to 2.1.329, and the
documentation of its hooks; docs/states.md has the rules that rest on them.
"""

from jarvisd.agents._shared import hooks
from jarvisd.agents.claude import places
from jarvisd.core.drift import Tested
from jarvisd.core.traits import RegistryWords, Traits

TESTED = Tested(oldest="2.0.76", newest="2.1.332")

TRAITS = Traits(
    account=places.account,
    worktree=places.worktree,
    has_states=True,
    questions=frozenset({"askuserquestion", "exitplanmode"}),
    edits=frozenset({"edit", "write", "multiedit", "notebookedit"}),
    polling=frozenset(
        {"bashoutput", "taskoutput", "tasklist", "schedulewakeup", "sleep"}
    ),
    survivors=frozenset(
        {"Agent", "Task", "SendMessage", "AskUserQuestion", "ExitPlanMode"}
    ),
    free_modes=hooks.FREE_MODES,
    self_answering_modes=frozenset({"auto"}),
    edit_modes=hooks.EDIT_MODES,
    subagents_end_with_turn=True,
    hooks=hooks.WORDS,
    registry=RegistryWords(
        working=frozenset({"busy"}),
        resting=frozenset({"idle", "shell"}),
        background="shell",
        waiting="waiting",
        approvals=frozenset(
            {
                "approve plan",
                "goal proposal",
                "permission prompt",
                "sandbox request",
                "worker request",
            }
        ),
        answers=frozenset({"dialog open", "input needed"}),
        menu="dialog open",
    ),
)
