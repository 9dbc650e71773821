"""How right the figures of OpenClaw are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response, compactions too; tool calls, how they ended and how "
    "long they took; prompts, failed requests, titles; sessions of its agents",
    estimated="cost, by list prices (the agent's own is kept beside it); states; who "
    "started a session that was reset since",
    unknowable="answers whose stream was cut; requests that were tried again; sessions "
    "that it archived before they were read; the branch; the version",
)
