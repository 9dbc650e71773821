"""Claude Code: transcripts, subagents', stream-json output, hooks and status line."""

from jarvisd.agents.claude.hooks import hooked
from jarvisd.agents.claude.messages import spoken
from jarvisd.agents.claude.places import find
from jarvisd.agents.claude.presence import EVIDENCE
from jarvisd.agents.claude.read import condense, parse
from jarvisd.agents.claude.settings import SETTINGS
from jarvisd.agents.claude.status_line import status_line
from jarvisd.agents.claude.traits import TESTED, TRAITS
from jarvisd.agents.claude.usage import drift_in

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
    "status_line",
]
