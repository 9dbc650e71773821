"""How right the figures of Codex are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every completed response, of subagents too: response by response "
    "since 0.150, before that by running totals; tool calls, prompts, compactions",
    estimated="cost, by list prices; how a call ended, by its output; states, where no "
    "hooks are installed",
    unknowable="responses that were interrupted, threads that only make titles; when "
    "a permission was asked for",
    unlogged=frozenset({"side-json"}),
)
