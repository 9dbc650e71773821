"""Codex: rollouts of the command line, the desktop and the editor, exec --json, hooks."""
