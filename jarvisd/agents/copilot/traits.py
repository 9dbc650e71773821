"""What engines have to know of GitHub Copilot CLI."""

from jarvisd.core.drift import Tested
from jarvisd.core.traits import Traits

TESTED = Tested(oldest="1.0.77", newest="1.0.102")

ASKS, ALLOWS_ALL = "ask", "allow_all"
"""Modes by whether all is allowed: its own words are on and off."""

TRAITS = Traits(
    has_states=True,
    questions=frozenset({"ask_user", "exit_plan_mode"}),
    edits=frozenset({"create", "edit", "str_replace_editor", "apply_patch"}),
    polling=frozenset({"read_bash", "read_agent", "list_agents"}),
    free_modes=frozenset({ALLOWS_ALL}),
)
