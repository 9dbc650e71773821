"""Parses the names of models that agents write into spellings for the price table.

A name is shortened only by parts that do not affect the price: the provider in front,
the date of a snapshot, `-latest`, `[1m]`, a cloud's version number. A spelling must then
be in the table exactly. Nothing is matched by similarity or by prefix, since the price
of a similar model is worse than none.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

MILLION_SUFFIX = "[1m]"
FAST_SUFFIX = "-fast"
MAX_CHARS = 200
"""A longer name is not a model's; logs may contain anything."""

_SUFFIXES = (
    re.compile(r"\[[^\[\]]*\]$"),
    re.compile(r"-v\d+:\d+$"),
    re.compile(r"[-@](?:\d{8}|\d{4}-\d\d-\d\d|\d\d-\d\d)$"),
    re.compile(r"-latest$"),
)
_BEDROCK = re.compile(
    r"(?:bedrock/)?(?:(?:converse|invoke|[a-z]{2}(?:-[a-z]+)+-\d)/)*"
    r"(?:arn:aws[a-z-]*:bedrock:[^/]{0,64}:(?:foundation-model|inference-profile)/)?"
    r"(?:[a-z-]+\.)?anthropic\.([^/]+?)(?:-v\d+(?::\d+[a-z]*)*)?(?:\[[^\[\]]*\])?"
)
"""The region, LiteLLM's route and the parts of an ARN do not affect the price."""

_DATABRICKS = re.compile(r"(?:databricks/)?databricks-(.+)")
_DOTS = re.compile(r"(?<=\d)-(?=\d)")
"""Databricks writes dashes for dots: its gpt-5-1 is gpt-5.1."""


class Name(msgspec.Struct, frozen=True):
    """The parsed name of a model.

    Attributes:
        provider: The provider whose prices apply; None for the model's maker.
        spellings: The spellings to look up, the most exact first.
        fast: The spellings without a final `-fast`, which means the fast variant.

    """

    provider: str | None
    spellings: tuple[str, ...]
    fast: tuple[str, ...] = ()


def parse_name(
    provider: str | None, model: str, *, providers: Mapping[str, str]
) -> Name:
    """Parse *model*; *providers* maps every known provider to its price list.

    An unknown provider is kept, and so no price is found.
    """
    if len(model) > MAX_CHARS:
        return Name(provider, ())

    written = text = model.strip().lower()
    if provider:
        provider = providers.get(provider.lower(), provider)

    if bedrock := _BEDROCK.fullmatch(text):
        provider, text = provider or "anthropic", bedrock[1]

    # Databricks serves models of several makers, so its name is no price list.
    databricks = _DATABRICKS.fullmatch(text)
    if databricks:
        provider, text = None if provider == "databricks" else provider, databricks[1]

    provider, text = _split_provider(provider, text, providers)
    shortened = [*_shorter_spellings(text)]
    if databricks:
        shortened += [_DOTS.sub(".", each) for each in shortened]

    spellings = tuple(dict.fromkeys((written, *shortened)))
    fast = tuple(
        spelling.removesuffix(FAST_SUFFIX)
        for spelling in spellings
        if spelling.endswith(FAST_SUFFIX)
    )
    return Name(provider, spellings, fast)


def _split_provider(
    provider: str | None, text: str, providers: Mapping[str, str]
) -> tuple[str | None, str]:
    """Split known providers off the front of *text*.

    OpenRouter's own names have a slash, `maker/model`, and so stay whole there; who
    else is unknown before a slash is taken for one of its makers.
    """
    while "/" in text and provider != "openrouter":
        front, _, rest = text.partition("/")
        if front not in providers:
            return provider or "openrouter", text

        provider, text = provider or providers[front], rest

    return provider, text.removeprefix("openrouter/")


def _shorter_spellings(text: str) -> Iterator[str]:
    yield text
    for noise in _SUFFIXES:
        shorter = noise.sub("", text)
        if shorter != text:
            text = shorter
            yield text
