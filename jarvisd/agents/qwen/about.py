"""How right the figures of Qwen Code are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every completed response, of subagents and most helpers too; tool "
    "calls and how they ended, prompts, errors of the provider",
    estimated="cost, by list prices; states; which session spent the tokens of a "
    "subagent: they are counted in the session that started it",
    unknowable="responses that were cut; suggestions for the next prompt; when approval "
    "was asked for; the end of a session",
    unlogged=frozenset({"side"}),
)
