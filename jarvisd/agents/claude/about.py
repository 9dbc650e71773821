"""How right the figures of Claude Code are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response, of subagents too; tool calls and how they ended; "
    "prompts, compactions, errors",
    estimated="cost, by list prices; states, where no hooks are installed; what is printed "
    "of a run, until its result comes",
    unknowable="the request of /compact, of titles and of permission checks; "
    "a response that was interrupted before its first word, and the rest of the output "
    "of others",
    interrupted_output=1,
    unlogged=frozenset({"side-json", "side-summary"}),
)
