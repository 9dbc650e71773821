"""The commands, one module each; the table is what `--help` shows."""

COMMANDS: dict[str, str] = {
    "next": "say who needs somebody, since when and why",
    "jump": "go to the terminal of a session",
    "pick": "choose a session from a list, and go to it",
    "ps": "list blocks, newest activity first",
    "show": "show everything known of one block",
    "watch": "see the blocks live",
    "tail": "print the last lines of a block",
    "report": "say what was spent, when and on what",
    "explain": "say of each line of a session what it counted for",
    "recall": "find what was said, here or anywhere",
    "conversation": "keep people's conversations across channels",
    "forget": "remove what was said, for ever",
    "line": "print one line for a status bar",
    "tmux": "print where the file for tmux lies",
    "notify": "tell of sessions that need somebody, as they come to",
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
