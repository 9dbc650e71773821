"""Claude Code: transcripts, subagents' transcripts, and its stream-json output."""

from jarvisd.agents.claude.evidence import EVIDENCE
from jarvisd.agents.claude.parse import parse
from jarvisd.agents.claude.places import find
from jarvisd.agents.claude.spoken import spoken

__all__ = ["EVIDENCE", "find", "parse", "spoken"]
