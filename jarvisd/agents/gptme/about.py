"""How right the figures of gptme are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response that is in the log; prompts",
    estimated="cost, by list prices beside its own; tool calls, which are text, and how "
    "they ended, by their output; how long a call took, as all of its response; states; "
    "times, by the zone of this machine",
    unknowable="responses that were cut, or whose tool was killed; the request for a "
    "title; further calls of a response, of which only the first is run; errors of the "
    "provider; what started a subagent; titles",
    unlogged=frozenset({"side"}),
)
