"""The shapes of what Aider writes: lines of a chat history, and of an analytics log."""

import re

from msgspec import Struct

from jarvisd.agents._shared.numbers import Dollars, Time, TokenCount

START = re.compile(rb"# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
VERSION = re.compile(rb"> Aider v([\w.+-]{1,40})\s*")
MODEL = re.compile(
    rb"> (?:Main model|Model): (\S{1,200}) with .* edit format.*", re.DOTALL
)
TOKENS = re.compile(
    rb"> Tokens: ([\d.]{1,12}[kM]?) sent"
    rb"(?:, ([\d.]{1,12}[kM]?) cache write)?"
    rb"(?:, ([\d.]{1,12}[kM]?) cache hit)?"
    rb", ([\d.]{1,12}[kM]?) received\."
    rb"(?: Cost: \$([\d.]{1,20}) message, \$[\d.]{1,20} session\.)?\s*"
)
COST = re.compile(rb"Cost: \$([\d.]{1,20}) message, \$[\d.]{1,20} session\.\s*")
"""Stands in a line of its own below the tokens if a cache was both written and read."""

ERROR = re.compile(rb"> litellm\.(\w{1,60})\b.*", re.DOTALL)
RETRY = re.compile(rb"> Retrying in ([\d.]{1,12}) seconds\.\.\.\s*")
LAST_DELAY_S = 32
"""Delays double; after this one Aider gives up."""

NOT_RETRIED = {
    *("AuthenticationError", "BadRequestError", "ContextWindowExceededError"),
    *("ImageFetchError", "NotFoundError"),
}
"""Errors after which Aider goes back to its prompt at once (aider/exceptions.py)."""

INTERRUPTED = re.compile(rb"> \^C(?: again to exit| KeyboardInterrupt)\s*")
REFLECTED = re.compile(
    rb"> (?:Attempt to fix (?:lint|test) errors|Add file to the chat)\?"
    rb" .*: (?:y|yes|a|all)\s*",
    re.IGNORECASE,
)
"""Questions after which Aider asks the model again by itself, answered with yes."""

STOPPED = re.compile(rb"> Only \d{1,3} reflections allowed, stopping\.\s*")

ASKING_COMMANDS = {"ask", "code", "architect", "context", "help"}
"""Slash commands whose words are a prompt, if there are any."""


class AnalyticsProperties(Struct, gc=False):
    """What an event says; token counts are sums over the requests of one message."""

    main_model: str | None = None
    prompt_tokens: TokenCount = 0
    completion_tokens: TokenCount = 0
    cost: Dollars | None = None


class AnalyticsEvent(Struct, gc=False):
    """A line of an analytics log."""

    event: str = ""
    time: Time | None = None
    properties: AnalyticsProperties | None = None
