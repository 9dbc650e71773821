"""How right the figures of Kilo CLI are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every step that was finished, of subagents too, and the cost that "
    "the provider states; tool calls, how they ended and how long they ran; prompts, "
    "compactions, interrupts and errors",
    estimated="cost by list prices; the server of an MCP tool, by its name; states, and "
    "that a call waits for permission; latencies, by when a step was streamed",
    unknowable="steps that were killed before their tools had ended; requests for "
    "titles; branches; that a run was interrupted or terminated",
    unlogged=frozenset({"side"}),
)
