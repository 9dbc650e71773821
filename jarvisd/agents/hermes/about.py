"""How right the figures of Hermes are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every completed response, summed for each session and model, of "
    "subagents too; of each response while its session is watched; tool calls, prompts",
    estimated="cost by list prices, beside that which the agent states; tokens of single "
    "responses from before jarvisd ran, which are spread evenly; how a call ended, by "
    "its output; the server of an MCP tool, by its name; states",
    unknowable="responses that were cut; errors of the provider; when a person is asked "
    "for permission; that a run was interrupted or terminated; versions",
)
