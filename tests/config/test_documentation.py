"""docs/configuration.md and the code say the same."""

import re
import tomllib
from pathlib import Path

from jarvisd import config
from jarvisd.config.settings import AGENT_TYPES, ENVIRONMENT, TYPES, needs_restart

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(
    r"^\| `(?P<key>[\w.]+)` \| `(?P<default>[^`]+)` \| (?:`(?P<variable>\w+)` )?\| "
    r"(?:`(?P<flag>[\w-]+)` )?\| (?P<after>\w+) \|$",
    re.MULTILINE,
)
KEYS = [*TYPES, *(f"agents.NAME.{key}" for key in AGENT_TYPES)]


def rows() -> dict[str, re.Match[str]]:
    return {row["key"]: row for row in ROW.finditer(DOCUMENT.read_text())}


def test_every_key_has_its_row_and_its_chapter() -> None:
    chapters = re.findall(r"^## (.+)$", DOCUMENT.read_text(), re.MULTILINE)

    assert list(rows()) == KEYS
    assert chapters == KEYS


def test_the_table_tells_the_defaults() -> None:
    environ = {"HOME": "/home/ann", "XDG_RUNTIME_DIR": "/run"}
    shown = {key: value for key, value, _ in config.list_settings(environ)}
    shown |= {
        "agents.NAME.enabled": "true",
        "agents.NAME.roots": "[]",
        "agents.NAME.ledger": "true",
    }
    shown["store"] = shown["store"].strip('"').replace("/home/ann", "~")
    shown["socket"] = shown["socket"].strip('"').replace("/run", "$XDG_RUNTIME_DIR", 1)

    assert {key: row["default"] for key, row in rows().items()} == shown


def test_the_table_tells_where_else_a_key_is_set() -> None:
    for key, row in rows().items():
        assert row["variable"] == ENVIRONMENT.get(key)
        assert row["flag"] == (
            f"--{key.replace('_', '-')}" if row["variable"] else None
        )
        assert (row["after"] == "restart") == needs_restart(key)


def test_the_example_is_a_good_configuration() -> None:
    example = re.search(r"```toml\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)
    assert example
    tomllib.loads(example[1])

    loaded = config.load([], {"HOME": "/h"}, example[1], path=DOCUMENT)

    assert not loaded.agent("gemini").enabled
