"""The commands, one module each; the table is what `--help` shows."""

COMMANDS: dict[str, str] = {
    "ps": "list blocks, newest activity first",
    "show": "show everything known of one block",
    "watch": "see the blocks live",
    "tail": "print the last lines of a block",
    "report": "say what was spent, when and on what",
    "segments": "show what each stretch of work came to",
    "explain": "say of each line of a session what it counted for",
    "recall": "find what was said, here or anywhere",
    "conversation": "keep people's conversations across channels",
    "forget": "remove what was said, for ever",
    "line": "print one line for a status bar",
    "hooks": "let agents tell what they do, as they do it",
    "hook": "tell the daemon of a hook; agents run this",
    "statusline": "fill Claude Code's status line, and take figures from it",
    "run": "run a command and count its output",
    "ingest": "count the lines of standard input",
    "health": "say whether all is well",
    "sync": "wait until everything on disk is read and stored",
    "service": "install and steer the daemon under systemd",
    "doctor": "check the installation and say what to do",
    "attribution": "say where skills, agents and commands come from",
    "config": "show the effective configuration",
    "completions": "print completions for a shell",
}
"""Every command and its summary, in the order of use."""
