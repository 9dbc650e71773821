"""How right the figures of Notebook DB are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response; tool calls, how they ended and how long they ran; "
    "prompts",
    estimated="cost, by list prices; when a call that was never seen open began",
    unknowable="requests that were cut before a row of theirs was written",
)
