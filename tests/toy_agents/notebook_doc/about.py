"""How right the figures of Notebook Doc are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every reply that is in its document; tool calls and how they ended; "
    "prompts",
    estimated="cost, by list prices; when a call returned, by the time of its reply",
    unknowable="replies that were undone before the document was read",
)
