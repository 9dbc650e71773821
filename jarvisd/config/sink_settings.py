"""The settings of `[[sinks]]`: the targets of segment records besides the store.

The keys of a table depend on its `kind`, so each kind has its own Struct.
"""

import re
from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from jarvisd.base.errors import ConfigError

MAX_WAITING: Final = 100_000
"""Records that may wait for a sink: about 70 MB of the database, years of segments."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HOST: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")
"""Without user and query, since the host is shown and logged, and must be no secret."""

Bound = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Secret:
    """A text that no message, log or listing shows; only `reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Grouping(StrEnum):
    """The `distinct_id` of records, by which a collector groups them."""

    INSTALL = "install"
    """A random id of this installation."""
    SEGMENT = "segment"
    """A different id for each record: two records of one user cannot be linked."""


class _Sink(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
):
    name: str
    max_waiting: Bound = MAX_WAITING


class JsonlSettings(_Sink, frozen=True, kw_only=True, tag="jsonl"):
    """A file to which each record is appended as a line."""

    path: Path


class PosthogSettings(_Sink, frozen=True, kw_only=True, tag="posthog"):
    """A collector with PostHog's capture API; the key is here or in a file."""

    host: str
    api_key: Secret | None = None
    api_key_file: Path | None = None
    distinct_id: Grouping = Grouping.INSTALL


SinkSettings = JsonlSettings | PosthogSettings

SINK_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    str(kind.__struct_config__.tag): ("kind", *kind.__struct_fields__)
    for kind in (JsonlSettings, PosthogSettings)
}
"""The keys of each kind of sink."""


def check_sinks(sinks: Iterable[SinkSettings], origin: str) -> None:
    """Check the rules that types cannot express.

    Raises:
        ConfigError: A name or a host is invalid, two sinks have the same name, or a
            collector has no key, or two.

    """
    names = set[str]()
    for index, sink in enumerate(sinks):
        where = f"{origin}: `sinks[{index}]"
        _check_name(sink.name, names, f"{where}.name`")
        names.add(sink.name)
        if isinstance(sink, PosthogSettings):
            _check_host(sink.host, f"{where}.host`")
            _check_key(sink, f"{where}`")


def _check_name(name: str, taken: Container[str], where: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{where} is {name!r}: expected up to 64 of a-z, 0-9, - and _"
        )

    if name in taken:
        raise ConfigError(f"{where} is {name!r}, which is the name of another sink")


def _check_host(host: str, where: str) -> None:
    if not _HOST.fullmatch(host):
        raise ConfigError(
            f"{where}: expected http:// or https:// and a host, such as "
            "https://eu.i.posthog.com, without user or query"
        )


def _check_key(sink: PosthogSettings, where: str) -> None:
    match sink.api_key, sink.api_key_file:
        case None, None:
            raise ConfigError(f"{where} lacks a key: give `api_key_file` or `api_key`")
        case Secret(), Path():
            raise ConfigError(f"{where}: give `api_key_file` or `api_key`, not both")
        case Secret() as key, None if not key.reveal().strip():
            raise ConfigError(f"{where}: `api_key` is empty")
