"""How right the figures of Kimi Code are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every answer, of subagents and compactions too; tool calls, how they "
    "ended and how long they took; prompts, turns, permission requests and their answers, "
    "interrupts, errors",
    estimated="cost, by list prices; which of a session and its fork owns what they share",
    unknowable="reasoning tokens, which are in the output; answers whose stream was cut; "
    "the branch; of kimi-cli also the model and the folder",
    uncounted=frozenset({"reasoning"}),
)
