"""Codex: rollouts of the command line, the desktop and the editor, and exec --json, hooks."""

from jarvisd.agents.codex.hooks import hooked
from jarvisd.agents.codex.messages import spoken
from jarvisd.agents.codex.places import find
from jarvisd.agents.codex.presence import EVIDENCE
from jarvisd.agents.codex.read import condense, parse
from jarvisd.agents.codex.settings import SETTINGS
from jarvisd.agents.codex.traits import TESTED, TRAITS
from jarvisd.agents.codex.usage import drift_in

__all__ = [
    "EVIDENCE",
    "SETTINGS",
    "TESTED",
    "TRAITS",
    "condense",
    "drift_in",
    "find",
    "hooked",
    "parse",
    "spoken",
]
