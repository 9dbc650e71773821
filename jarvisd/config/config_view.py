"""Lists the configuration for people: each key, its value and its origin."""

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
    """The keys that a reload found changed, and those of them that need a restart."""

    changed: list[str]
    needs_restart: list[str]


def list_settings(environ: Mapping[str, str]) -> list[Setting]:
    """Read the configuration as the daemon does, and return every setting.

    Raises:
        ConfigError: It is invalid; the daemon would not start either.

    """
    config = read([], environ)
    return [
        Setting(key, _to_toml(value), config.origins.get(key, DEFAULT))
        for key, value in _flatten(config, config.agents)
    ]


def compare_configs(old: Config, new: Config) -> SettingChanges:
    """Return the keys whose values differ, whatever their origins."""
    agents = {*old.agents, *new.agents}
    before, after = dict(_flatten(old, agents)), dict(_flatten(new, agents))
    changed = [key for key in before if before[key] != after[key]]
    return SettingChanges(changed, [key for key in changed if needs_restart(key)])


def _flatten(config: Config, agents: Iterable[str]) -> Iterator[tuple[str, object]]:
    for key in TYPES:
        yield key, getattr(config, key)

    for name in sorted(agents):
        for key, value in msgspec.structs.asdict(config.agent(name)).items():
            yield f"agents.{name}.{key}", value


def _to_toml(value: object) -> str:
    match value:
        case msgspec.Struct():
            return _to_toml(_table(value))
        case Secret():
            return f'"{value!r}"'
        case dict():
            pairs = ", ".join(f"{_key(key)} = {_to_toml(value[key])}" for key in value)
            return f"{{{pairs}}}"
        case tuple():
            return f"[{', '.join(map(_to_toml, value))}]"
        case Path():
            return json.dumps(str(value), ensure_ascii=False)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _table(struct: msgspec.Struct) -> dict[str, object]:
    """Return the struct as a table of the file: its kind, and fields with a value."""
    config, fields = struct.__struct_config__, msgspec.structs.asdict(struct)
    kind = {} if config.tag_field is None else {config.tag_field: config.tag}
    return kind | {key: fields[key] for key in fields if fields[key] is not None}


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
