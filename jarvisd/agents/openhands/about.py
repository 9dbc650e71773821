"""How right the figures of OpenHands are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response of a turn that ended, of condensers and subagents "
    "too; tool calls and how they ended; prompts; errors; the cost that OpenHands states",
    estimated="cost, by list prices; states, by the status of the conversation and its "
    "events; times, in the zone of this machine",
    unknowable="tokens of a turn that was killed, and of one that goes on; the model of "
    "responses after a change of it; requests that were tried again",
)
