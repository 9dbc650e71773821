"""How right the figures of Mistral Vibe are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of a session in all; of each answer, as long as its journal is there; "
    "tool calls, how they ended and how long they took; prompts, turns, permission "
    "requests and their answers, interrupts, errors",
    estimated="cost, by list prices; of answers whose journal was deleted their number "
    "and model; of older versions all times",
    unknowable="reasoning tokens, which are in the output; cache writes; answers whose "
    "stream was cut; the version",
    uncounted=frozenset({"reasoning"}),
)
