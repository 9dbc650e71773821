"""The configuration: read once, checked, and passed on by value.

Precedence: default < file (TOML) < environment (`JARVISD_*`) < flags of `jarvisd`. `load`
is a pure function of all four; `read` opens the file. An unknown key, a value of the
wrong type and a file that is not TOML are a `ConfigError` that names the file, the key
and the remedy. docs/configuration.md describes every key.
"""

from jarvisd.config.config_view import (
    Setting,
    SettingChanges,
    compare_configs,
    list_settings,
)
from jarvisd.config.flags import Flags, parse_flags
from jarvisd.config.load import load, notify_settings, read
from jarvisd.config.settings import (
    AgentSettings,
    Config,
    ConversationSettings,
    FifoSettings,
    LogLevel,
    NotifySettings,
)
from jarvisd.config.sink_settings import (
    Grouping,
    JsonlSettings,
    PosthogSettings,
    Secret,
    SinkSettings,
)

__all__ = [
    "AgentSettings",
    "Config",
    "ConversationSettings",
    "FifoSettings",
    "Flags",
    "Grouping",
    "JsonlSettings",
    "LogLevel",
    "NotifySettings",
    "PosthogSettings",
    "Secret",
    "Setting",
    "SettingChanges",
    "SinkSettings",
    "compare_configs",
    "list_settings",
    "load",
    "notify_settings",
    "parse_flags",
    "read",
]
