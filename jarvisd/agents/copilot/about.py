"""How right the figures of GitHub Copilot CLI are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="tokens of every completed response, of subagents and compactions too; tool "
    "calls and how they ended, dialogs for approval, prompts, errors, the end of a session",
    estimated="cost, by list prices beside the provider's own; of versions before the "
    "usage records: the input of each response, of which the end of a session has the "
    "sum by model",
    unknowable="responses that were cut; compactions whose session ended before they "
    "did; of older versions all input of a session that was killed",
)
