"""How right the figures of Aider are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="prompts, slash commands, models, interrupts and errors of a chat history; the "
    "cost that Aider states, as it rounds it",
    estimated="all tokens: Aider counts a streamed answer with a tokenizer of its own and "
    "rounds above 999; cost; times, which only the start of Aider has; states",
    unknowable="what the provider counted, reasoning and mostly the cache; requests for "
    "commit messages and summaries; which edits were asked for, and how they ended",
    unlogged=frozenset({"side", "extra"}),
)
