"""How right the figures of Continue are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response that is saved, and of subagents and compactions as "
    "one sum of a session; tool calls and how they ended; prompts; models",
    estimated="times, by when the document was written; what of a fork is its own, by "
    "its sums; cost, by list prices; states, in a terminal alone",
    unknowable="headless runs that did not end in order; calls of subagents, and their "
    "models; titles; all tokens of sessions of the editor extensions",
    unlogged=frozenset({"side", "side-json"}),
)
