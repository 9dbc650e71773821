"""How right the figures of Cline are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every completed response, of subagents too; tool calls and how they "
    "ended; prompts; models; the cost that Cline states",
    estimated="cost, by list prices; states, by the status of the session and its last "
    "message",
    unknowable="responses that were interrupted, requests that were tried again; how "
    "much of the output was reasoning; requests beside the conversation",
    uncounted=frozenset({"reasoning"}),
)
