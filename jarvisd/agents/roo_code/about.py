"""How right the figures of Roo Code are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="nothing is verified: no task could be recorded",
    estimated="tokens of every response that is shown, with the cost that is stated; "
    "prompts; models, by the environment that is described to them; states",
    unknowable="tool calls and how they ended; requests that were deleted",
)
