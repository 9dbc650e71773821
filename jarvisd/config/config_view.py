"""The configuration as people see it: each key, its value, and who set it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from jarvisd.config.load import read
from jarvisd.config.settings import TYPES, Config, needs_restart
from jarvisd.config.sink_settings import Secret

DEFAULT = "default"


class Setting(NamedTuple):
    """One line of `jarvisctl config show`; *value* is written as in the file."""

    key: str
    value: str
    origin: str


_BARE = re.compile(r"[A-Za-z0-9_-]+")


class SettingChanges(NamedTuple):
    """What a reload found: keys that differ, and those of them it cannot apply."""

    changed: list[str]
    needs_restart: list[str]


def describe(environ: Mapping[str, str]) -> list[Setting]:
    """Read the configuration as the daemon would, and return every setting.

    Raises:
        ConfigError: The daemon would not start either.

    """
    config = read([], environ)
    return [
        Setting(key, _toml(value), config.origins.get(key, DEFAULT))
        for key, value in _leaves(config, config.agents)
    ]


def changes(old: Config, new: Config) -> SettingChanges:
    """Compare two configurations; where a value comes from is no change."""
    agents = {*old.agents, *new.agents}
    before, after = dict(_leaves(old, agents)), dict(_leaves(new, agents))
    changed = [key for key in before if before[key] != after[key]]
    return SettingChanges(changed, [key for key in changed if needs_restart(key)])


def _leaves(config: Config, agents: Iterable[str]) -> Iterator[tuple[str, object]]:
    for key in TYPES:
        yield key, getattr(config, key)

    for name in sorted(agents):
        for key, value in msgspec.structs.asdict(config.agent(name)).items():
            yield f"agents.{name}.{key}", value


def _toml(value: object) -> str:
    match value:
        case msgspec.Struct():
            return _toml(_table(value))
        case Secret():
            return f'"{value!r}"'
        case dict():
            pairs = ", ".join(f"{_key(key)} = {_toml(value[key])}" for key in value)
            return f"{{{pairs}}}"
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Path():
            return json.dumps(str(value), ensure_ascii=False)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _table(struct: msgspec.Struct) -> dict[str, object]:
    """Return what a table of the file would hold: its kind, and what is not absent."""
    config, fields = struct.__struct_config__, msgspec.structs.asdict(struct)
    kind = {} if config.tag_field is None else {config.tag_field: config.tag}
    return kind | {key: fields[key] for key in fields if fields[key] is not None}


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
