"""Converts values to the type of their key, with a message for each mismatch."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec

from jarvisd.base.errors import ConfigError
from jarvisd.base.session_words import State
from jarvisd.config.budget_settings import BudgetPeriod
from jarvisd.config.settings import AGENT_TYPES, NOT_IN_THE_FILE, TYPES, Key
from jarvisd.config.sink_settings import Grouping, Secret


class GivenValue(NamedTuple):
    """A value before conversion, and its origin: file, variable or flag."""

    value: object
    origin: str


def convert_value(key: Key, given: GivenValue, *, home: str) -> object:
    """Return the value converted to the type of its key, with `~` expanded.

    Raises:
        ConfigError: The value has another type; the message names its origin, the
            expected and the actual value.

    """
    kind = AGENT_TYPES[key[-1]] if key[0] == "agents" else TYPES[key[0]]

    def custom(type_: type, value: object) -> object:
        if type_ is Secret:
            return _secret(value)

        return _path(value, home=home) if type_ is Path else value

    try:
        value: object = msgspec.convert(given.value, kind, dec_hook=custom)
    except msgspec.ValidationError as exc:
        raise ConfigError(_describe_mismatch(key, given, kind, str(exc))) from None

    match key, value:
        case ("exclude",), tuple():
            return tuple(_expand(each, home) for each in value)
        case _:
            return value


def require_known(
    name: str, prefix: Key, known: Collection[str], *, origin: str
) -> None:
    """Raise ConfigError for a key that is unknown or cannot be set in the file.

    The message names the most similar key, or the reason.
    """
    if name not in known:
        candidates = known if prefix else {"agents", *known} - NOT_IN_THE_FILE.keys()
        hint = nearest(name, candidates, prefix)
        raise ConfigError(f"{origin}: unknown key `{_dotted(*prefix, name)}`; {hint}")

    if not prefix and name in NOT_IN_THE_FILE:
        raise ConfigError(
            f"{origin}: `{name}` cannot be set here: {NOT_IN_THE_FILE[name]}"
        )


def nearest(name: str, candidates: Collection[str], prefix: Key = ()) -> str:
    """Return a hint with the most similar of *candidates*, or with all of them."""
    near = difflib.get_close_matches(name, sorted(candidates), n=1)
    if near:
        return f"did you mean `{_dotted(*prefix, near[0])}`?"

    return f"there are {', '.join(sorted(candidates))}"


def _dotted(*parts: str) -> str:
    return ".".join(parts)


def _path(value: object, *, home: str) -> Path:
    if not isinstance(value, str):
        raise ValueError(f"Expected a path, got {type(value).__name__}")  # noqa: TRY004 - msgspec shows the text of a ValueError

    expanded = _expand(value, home)
    if not expanded.startswith("/"):
        raise ValueError("Expected a path that begins with / or ~/")

    return Path(expanded)


def _secret(value: object) -> Secret:
    if not isinstance(value, str):
        raise ValueError(f"Expected `str`, got `{type(value).__name__}`")  # noqa: TRY004 - msgspec shows the text of a ValueError

    return Secret(value)


def _expand(text: str, home: str) -> str:
    return home + text[1:] if text == "~" or text.startswith("~/") else text


_CHOICES: Mapping[str, Iterable[str]] = {
    "by": ("desktop", "bell", "command"),
    "distinct_id": Grouping,
    "period": get_args(BudgetPeriod),
    "states": State,
}
"""The values of keys whose validator says only that another one is wrong."""


def _describe_mismatch(key: Key, given: GivenValue, kind: object, problem: str) -> str:
    problem, _, place = problem.partition(" - at `$")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        problem = f"Expected one of {', '.join(kind)}"

    field = re.sub(r"\[\d+\]", "", place.rstrip("`")).rpartition(".")[2]
    if problem.startswith("Invalid enum value") and field in _CHOICES:
        given_value = problem.removeprefix("Invalid enum value ")
        problem = f"Expected one of {', '.join(_CHOICES[field])}, got {given_value}"

    what = f"`{_dotted(*key)}{place.rstrip('`')}`"
    # A value in a sink may be its API key, which must not be shown.
    found = "" if place or key == ("sinks",) else f" is {given.value!r}"
    return f"{given.origin}: {what}{found}: {expectation(problem)}"


def expectation(problem: str) -> str:
    """Return the expectation in msgspec's *problem* as part of a sentence."""
    if "matching regex" in problem:  # only the quiet hours have a pattern
        return "expected hours such as 22:00-07:00"

    return f"{problem[0].lower()}{problem[1:]}"
