"""How right the figures of mini-swe-agent are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response, also of those in a wrong format; tool calls and how "
    "they ended; prompts; the cost that mini states",
    estimated="cost, by list prices; when a prompt was given, by the response to it",
    unknowable="runs that were written over before they were read; a step that was "
    "killed, with its response; states within a step; errors of the provider that are "
    "tried again",
)
