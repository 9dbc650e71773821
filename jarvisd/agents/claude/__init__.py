"""Claude Code: transcripts, subagents', stream-json output, hooks and status line."""
