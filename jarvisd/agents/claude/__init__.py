"""Claude Code: transcripts, subagents' transcripts, and its stream-json output."""

from jarvisd.agents.claude.parse import parse
from jarvisd.agents.claude.places import find

__all__ = ["find", "parse"]
