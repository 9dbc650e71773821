"""Loads a checked `Config` from file, environment and flags."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from jarvisd.base import paths
from jarvisd.base.errors import ConfigError
from jarvisd.config.alarm_settings import ALARM_KEYS
from jarvisd.config.budget_settings import BUDGET_KEYS, check_budgets
from jarvisd.config.flags import Flags, parse_flags
from jarvisd.config.settings import (
    AGENT_TYPES,
    CONVERSATION_KEYS,
    ENVIRONMENT,
    FIFO_KEYS,
    NOTIFY_KEYS,
    SEGMENT_KEYS,
    TEXT,
    TYPES,
    AgentSettings,
    Config,
    Key,
    NotifySettings,
)
from jarvisd.config.sink_settings import SINK_KEYS, check_sinks
from jarvisd.config.value_check import (
    GivenValue,
    convert_value,
    expectation,
    nearest,
    require_known,
)

MAX_DEPTH = 16
"""The longest key in parts, one for each table; the deepest setting has four."""

_KEY = re.compile(r"""^\s*([\w."'-]+)\s*=""", re.MULTILINE)


def read(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    known_agents: Collection[str] | None = None,
) -> Config:
    """Find and read the file, then `load` it. The default file may be absent.

    Raises:
        ConfigError: As in `load`; or the file cannot be read, or the user has no home.

    """
    named = parse_flags(argv).config or environ.get("JARVISD_CONFIG")
    try:
        path = Path(named or paths.config_file(environ))
    except paths.HomeError as exc:
        raise ConfigError(str(exc)) from None

    text = _read_text(path, required=named is not None)
    return load(argv, environ, text, path=path, known_agents=known_agents)


def load(
    argv: Sequence[str],
    environ: Mapping[str, str],
    toml_text: str | None,
    *,
    path: Path,
    known_agents: Collection[str] | None = None,
) -> Config:
    """Return the configuration; a pure function.

    Args:
        argv: The arguments of `jarvisd`, without the program's name.
        environ: The environment; HOME and the XDG variables decide the defaults.
        toml_text: The content of the file, or None if there is none.
        path: The file's path, for messages and origins.
        known_agents: The names of all agents; None if the caller does not know them.

    Raises:
        ConfigError: The first error; the message names the place, the value and the
            remedy.

    """
    # Later origins override earlier ones.
    given = dict(_from_file(toml_text or "", path))
    given |= _from_environment(environ)
    given |= _from_flags(parse_flags(argv))
    config = _build_config(given, environ)
    check_sinks(config.sinks, str(path))
    check_budgets(config.budgets, str(path))
    if known_agents is not None:
        _check_agents(config, known_agents, path)

    return config


def notify_settings(
    settings: NotifySettings, given: Mapping[str, object]
) -> NotifySettings:
    """Return *settings* with the values *given* on the command line.

    Raises:
        ConfigError: A value has the wrong type.

    """
    values = {**msgspec.to_builtins(settings), **given}
    try:
        return msgspec.convert(values, NotifySettings)
    except msgspec.ValidationError as exc:
        problem, _, place = str(exc).partition(" - at `$.")
        key = place.rstrip("`").partition("[")[0]
        found = f"`notify.{key}` is {values.get(key)!r}"
        raise ConfigError(f"{found}: {expectation(problem)}") from None


def _read_text(path: Path, *, required: bool) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not required:
            return None
        raise ConfigError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 at byte {exc.start}") from None
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from None


def _from_file(text: str, path: Path) -> Iterator[tuple[Key, GivenValue]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: not TOML: {exc}") from None
    except RecursionError:
        name = _deepest_key(text)
        raise ConfigError(
            f"{path}: `{name}` is nested too deeply for a setting"
        ) from None

    _check_tree(document, path)
    agents = document.pop("agents", {})
    _check_tables(document, "fifos", FIFO_KEYS, path)
    _check_tables(document, "budgets", BUDGET_KEYS, path)
    _check_keys(document, "notify", NOTIFY_KEYS, path)
    _check_sink_keys(document.get("sinks"), path)
    _check_keys(document, "conversations", CONVERSATION_KEYS, path)
    _check_keys(document, "segments", SEGMENT_KEYS, path)
    _check_keys(document, "alarms", ALARM_KEYS, path)
    yield from _given_values(document, (), TYPES, path)
    for name, table in _agent_tables(agents, path):
        yield from _given_values(table, ("agents", name), AGENT_TYPES, path)


def _check_tree(document: Mapping[str, object], path: Path) -> None:
    """Raise ConfigError for a NUL character, and for values nested too deeply.

    A NUL would truncate a path in system calls, and deep values cannot be printed.
    """
    waiting: list[tuple[Key, object]] = [((), document)]
    while waiting:
        key, value = waiting.pop()
        name = ".".join(key).replace("\0", "\\0")
        # Only the last part is new: the others were checked with their tables.
        if "\0" in "".join(key[-1:]) or (isinstance(value, str) and "\0" in value):
            raise ConfigError(f"{path}: `{name}` holds a NUL character; remove it")

        if len(key) > MAX_DEPTH:
            name = ".".join(key[:3])
            raise ConfigError(f"{path}: `{name}` is nested too deeply for a setting")

        if isinstance(value, dict):
            waiting += [((*key, each), inner) for each, inner in value.items()]
        elif isinstance(value, list):
            *outer, last = key
            waiting += [((*outer, f"{last}[{i}]"), v) for i, v in enumerate(value)]


def _deepest_key(text: str) -> str:
    """Return the key whose value has the most brackets open at once."""
    depth = deepest = place = 0
    for index, character in enumerate(text):
        depth += (character in "[{") - (character in "]}")
        if depth > deepest:
            deepest, place = depth, index

    keys = _KEY.findall(text, 0, place)
    return keys[-1] if keys else text.lstrip()[:20]


def _check_tables(
    document: Mapping[str, object], key: str, known: Collection[str], path: Path
) -> None:
    """Raise ConfigError for an unknown key in a table; types are checked later."""
    value = document.get(key)
    for index, table in enumerate(value if isinstance(value, list) else []):
        for name in table if isinstance(table, dict) else []:
            require_known(name, (f"{key}[{index}]",), known, origin=str(path))


def _check_keys(
    document: Mapping[str, object], table: str, known: Collection[str], path: Path
) -> None:
    value = document.get(table)
    for name in value if isinstance(value, dict) else []:
        require_known(name, (table,), known, origin=str(path))


def _check_sink_keys(value: object, path: Path) -> None:
    for index, table in enumerate(value if isinstance(value, list) else []):
        match table:
            case {"kind": str(kind)} if kind in SINK_KEYS:
                known = SINK_KEYS[kind]
            case {"kind": str(kind)}:
                raise ConfigError(
                    f"{path}: `sinks[{index}].kind` is {kind!r}: expected one of "
                    f"{', '.join(SINK_KEYS)}"
                )
            case _:
                continue

        for name in table:
            require_known(name, (f"sinks[{index}]",), known, origin=str(path))


def _agent_tables(
    value: object, path: Path
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the name and the table of each configured agent."""
    tables = value.items() if isinstance(value, dict) else [("", value)]
    for name, table in tables:
        if not isinstance(table, dict):
            key = f"agents.{name}".rstrip(".")
            raise ConfigError(
                f"{path}: `{key}` is {table!r}: expected a table such as [agents.NAME]"
            )

        yield name, table


def _given_values(
    table: Mapping[str, object], prefix: Key, known: Collection[str], path: Path
) -> Iterator[tuple[Key, GivenValue]]:
    for name, value in table.items():
        require_known(name, prefix, known, origin=str(path))
        yield (*prefix, name), GivenValue(value, str(path))


def _from_environment(environ: Mapping[str, str]) -> dict[Key, GivenValue]:
    return {
        (key,): GivenValue(environ[variable], variable)
        for key, variable in ENVIRONMENT.items()
        if environ.get(variable)
    }


def _from_flags(flags: Flags) -> dict[Key, GivenValue]:
    given = {"store": flags.store, "socket": flags.socket, "log_level": flags.log_level}
    return {
        (key,): GivenValue(value, f"--{key.replace('_', '-')}")
        for key, value in given.items()
        if value is not None
    }


def _build_config(
    given: Mapping[Key, GivenValue], environ: Mapping[str, str]
) -> Config:
    try:
        home = paths.home(environ)
    except paths.HomeError as exc:
        raise ConfigError(str(exc)) from None

    fields: dict[str, object] = {
        "store": Path(paths.state_folder(environ)) / "jarvisd.db",
        "socket": Path(paths.runtime_folder(environ)) / "rpc.sock",
        "origins": {".".join(key): each.origin for key, each in given.items()},
    }
    agents: dict[str, AgentSettings] = {}
    for key, each in given.items():
        match key, convert_value(key, each, home=home):
            case (_, name, field), value:
                before = agents.get(name, AgentSettings())
                agents[name] = msgspec.structs.replace(before, **{field: value})
            case (field, *_), value:
                fields[field] = value

    return msgspec.convert({**fields, "agents": agents}, Config)


def _check_agents(config: Config, known: Collection[str], path: Path) -> None:
    named = {f"agents.{name}": name for name in config.agents}
    named |= {f"fifos[{i}].agent": each.agent for i, each in enumerate(config.fifos)}
    named |= {
        f"budgets[{i}].agent": each.agent
        for i, each in enumerate(config.budgets)
        if each.agent is not None
    }
    for key, name in named.items():
        if name not in {TEXT, *known}:
            raise ConfigError(
                f"{path}: `{key}`: no agent `{name}`; {nearest(name, known)}"
            )
