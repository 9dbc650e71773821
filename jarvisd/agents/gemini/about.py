"""How right the figures of Gemini CLI are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every completed response, of subagents too; tool calls that ended, "
    "prompts, interruptions",
    estimated="cost, by list prices; how long a call took, with the wait for approval; "
    "how a shell command ended, by its output; states: a text may be followed by a call, "
    "which is written when it has ended",
    unknowable="responses that were cut, or stopped by the detection of loops; "
    "calls that run, wait for approval or were killed; requests that compress the "
    "conversation, check or sum it up; errors of the provider in runs without a terminal",
    unlogged=frozenset({"side-json", "side-summary"}),
)
