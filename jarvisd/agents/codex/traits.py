"""What engines have to know of Codex.

Facts: rollouts, runs and hooks of versions 0.118 to 0.171. It keeps no registry, and its
hooks name modes in the words of Claude Code, its rollouts in its own.
"""

from jarvisd.agents._shared import hooks
from jarvisd.agents.codex import places
from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="0.118.0", newest="0.171.0")

TRAITS = Traits(
    account=places.account,
    worktree=places.worktree,
    has_states=True,
    questions=frozenset({"request_user_input"}),
    edits=frozenset({"apply_patch"}),
    polling=frozenset({"wait", "wait_agent", "write_stdin", "sleep"}),
    free_modes=hooks.FREE_MODES | {"never"},
    edit_modes=hooks.EDIT_MODES,
    starts_with_prompt=True,
    hooks=hooks.WORDS,
)
