"""`[[sinks]]`: what is read, what is refused, and that no key is ever shown."""

from pathlib import Path

import pytest

from jarvisd import config
from jarvisd.base.errors import ConfigError
from jarvisd.config import Config, Grouping, JsonlSettings, PosthogSettings, Secret

FILE = Path("/home/ann/.config/jarvisd/config.toml")
SECRET = "phc_a_key_that_nobody_sees"

LOCAL = '[[sinks]]\nname = "local"\nkind = "jsonl"\npath = "~/segments.jsonl"\n'
NET = '[[sinks]]\nname = "net"\nkind = "posthog"\nhost = "https://eu.example"\n'
KEY = f'api_key = "{SECRET}"\n'


def load(text: str) -> Config:
    return config.load([], {"HOME": "/home/ann"}, text, path=FILE)


def test_each_kind_has_its_settings() -> None:
    loaded = load(LOCAL + NET + KEY + 'distinct_id = "segment"\nmax_waiting = 5\n')

    assert loaded.sinks == (
        JsonlSettings(name="local", path=Path("/home/ann/segments.jsonl")),
        PosthogSettings(
            name="net",
            host="https://eu.example",
            api_key=Secret(SECRET),
            distinct_id=Grouping.SEGMENT,
            max_waiting=5,
        ),
    )


def test_a_key_may_stand_in_a_file_of_its_own() -> None:
    [sink] = load(NET + 'api_key_file = "~/.key"\n').sinks

    assert isinstance(sink, PosthogSettings)
    assert sink.api_key_file == Path("/home/ann/.key")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "sinks = 3", "`sinks`: expected `array`, got `int`", id="no tables"
        ),
        pytest.param(
            f"[sinks]\n{KEY}", "`sinks`: expected `array`, got `object`", id="one table"
        ),
        pytest.param(
            '[[sinks]]\nname = "a"\n',
            "`sinks[0]`: object missing required field `kind`",
            id="no kind",
        ),
        pytest.param(
            '[[sinks]]\nkind = "kafka"\n',
            "`sinks[0].kind` is 'kafka': expected one of jsonl, posthog",
            id="unknown kind",
        ),
        pytest.param(
            LOCAL + "pth = 3\n",
            "unknown key `sinks[0].pth`; did you mean `sinks[0].path`?",
            id="unknown key",
        ),
        pytest.param(
            LOCAL + KEY,
            "unknown key `sinks[0].api_key`; there are kind, max_waiting, name, path",
            id="a key of another kind",
        ),
        pytest.param(
            '[[sinks]]\nname = "a"\nkind = "jsonl"\n',
            "`sinks[0]`: object missing required field `path`",
            id="no path",
        ),
        pytest.param(
            '[[sinks]]\nname = "a"\nkind = "jsonl"\npath = "here"\n',
            "`sinks[0].path`: expected a path that begins with / or ~/",
            id="relative path",
        ),
        pytest.param(
            LOCAL.replace("local", "My Sink"),
            "`sinks[0].name` is 'My Sink': expected up to 64 of a-z, 0-9, - and _",
            id="no name",
        ),
        pytest.param(
            LOCAL + LOCAL,
            "`sinks[1].name` is 'local', which is the name of another sink",
            id="a name twice",
        ),
        pytest.param(
            LOCAL + "max_waiting = 0\n",
            "`sinks[0].max_waiting`: expected `int` >= 1",
            id="bound",
        ),
        pytest.param(
            NET,
            "`sinks[0]` lacks a key: give `api_key_file` or `api_key`",
            id="no key",
        ),
        pytest.param(
            NET + KEY + 'api_key_file = "/k"\n',
            "`sinks[0]`: give `api_key_file` or `api_key`, not both",
            id="two keys",
        ),
        pytest.param(
            NET + 'api_key = " "\n', "`sinks[0]`: `api_key` is empty", id="empty key"
        ),
        pytest.param(
            NET + f'api_key = ["{SECRET}"]\n',
            "`sinks[0].api_key`: expected `str`, got `list`",
            id="a list for a key",
        ),
        pytest.param(
            NET + KEY + 'distinct_id = "me"\n',
            "`sinks[0].distinct_id`: expected one of install, segment, got 'me'",
            id="unknown grouping",
        ),
    ],
)
def test_what_is_wrong_is_named_and_no_key_is_shown(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)

    assert str(caught.value) == f"{FILE}: {problem}"
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "eu.example",
        "ftp://eu.example",
        f"https://ann:{SECRET}@eu.example",
        f"https://eu.example/?key={SECRET}",
        "https://",
        "https://eu.example/a b",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_host_is_refused_and_not_repeated(host: str) -> None:
    with pytest.raises(
        ConfigError, match=r"`sinks\[0\]\.host`: expected http"
    ) as caught:
        load(NET.replace("https://eu.example", host) + KEY)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["http://localhost:8000", "http://[::1]:8000", "https://h.example/ingest"]
)
def test_what_is_a_host_is_taken(host: str) -> None:
    [sink] = load(NET.replace("https://eu.example", host) + KEY).sinks

    assert isinstance(sink, PosthogSettings)
    assert sink.host == host


def test_a_key_is_shown_as_stars(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(LOCAL + NET + KEY)
    environ = {"HOME": str(tmp_path), "JARVISD_CONFIG": str(file)}

    [(_, value, origin)] = [
        each for each in config.list_settings(environ) if each.key == "sinks"
    ]

    assert value == (
        f'[{{kind = "jsonl", name = "local", max_waiting = 100000, '
        f'path = "{tmp_path}/segments.jsonl"}}, '
        '{kind = "posthog", name = "net", max_waiting = 100000, '
        'host = "https://eu.example", api_key = "***", distinct_id = "install"}]'
    )
    assert origin == str(file)


def test_a_key_is_in_no_representation() -> None:
    loaded = load(NET + KEY)

    assert SECRET not in repr(loaded)
    assert SECRET not in f"{Secret(SECRET)} {Secret(SECRET)!r}"
    assert Secret(SECRET).reveal() == SECRET


def test_a_change_of_a_key_is_a_change_that_needs_a_restart() -> None:
    old, new = load(NET + KEY), load(NET + KEY.replace("phc", "phx"))

    assert config.compare_configs(old, new) == (["sinks"], ["sinks"])
    assert config.compare_configs(old, load(NET + KEY)) == ([], [])
