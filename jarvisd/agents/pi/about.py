"""How right the figures of pi and oh-my-pi are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every response, compaction and branch summary; tool calls, how they "
    "ended and how long they took; prompts, interrupts, failed requests, titles; forks "
    "count once",
    estimated="cost, by list prices (the agent's own is kept beside it); whether a failed "
    "request is tried again; states, as no process is named in a log",
    unknowable="a first turn that was cut before its first answer; the output of an answer "
    "that was interrupted; the branch of the repository; the version",
    interrupted_output=1,
)
