"""Our hooks go in and out of a text, and not a byte of the rest changes."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.cli.hooks.spans import NotJsonError
from jarvisd.cli.hooks.surgery import (
    ShapeError,
    commands,
    is_ours,
    with_hooks,
    without_hooks,
)

OURS = "/opt/jarvisd/bin/jarvisctl hook claude >/dev/null 2>&1 || true"
OLD = "/old/bin/jarvisctl hook claude"
EVENTS = ("SessionStart", "PreToolUse", "Stop")


def wanted(
    *events: str, command: str = OURS, timeout: int = 2
) -> dict[str, dict[str, object]]:
    entry = {"type": "command", "command": command, "timeout": timeout}
    return {event: dict(entry) for event in events or EVENTS}


def group(*lines: str, **more: object) -> dict[str, object]:
    return more | {"hooks": [{"type": "command", "command": line} for line in lines]}


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        (OURS, True),
        (OLD, True),
        ("jarvisctl hook codex", True),
        ("'/home/a b/bin/jarvisctl' hook claude >/dev/null 2>&1 || true", True),
        (f"{shlex.quote('/it' + chr(39) + 's/jarvisctl')} hook claude", True),
        ("/usr/bin/python3 -m jarvisd.cli.main hook codex", True),
        ("/usr/bin/python3 -m jarvisd.client.main hook codex", True),
        ("/usr/bin/jarvisctl line", False),
        ("mine && /usr/bin/jarvisctl hook claude", False),
        ("/usr/bin/jarvisctl hook claude; mine", False),
        ("/usr/bin/notjarvisctl hook claude", False),
        (None, False),
        (7, False),
    ],
)
def test_ours_are_recognised_wherever_jarvisctl_lies(
    command: object, ours: bool
) -> None:
    assert is_ours(command) is ours


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="an empty object"),
        pytest.param("{}\n", id="an empty object on a line"),
        pytest.param('{"model": "opus"}', id="one line"),
        pytest.param('{"model":"opus","a":[1,2.50]}\n', id="one tight line"),
        pytest.param('{ "model" : "opus" }', id="one wide line"),
        pytest.param('{\n  "model": "opus"\n}\n', id="two spaces"),
        pytest.param('{\n    "model": "opus"\n}', id="four spaces, no end of line"),
        pytest.param('{\n\t"model": "opus",\n\t"n": 1E3\n}\n', id="tabs"),
        pytest.param('{\r\n  "model": "opus"\r\n}\r\n', id="CRLF"),
        pytest.param(
            '\n\n {\n\n  "a": "\\u00e9/\\/",\n\n  "b": -0\n\n}\n\n', id="blank"
        ),
        pytest.param('{"a": 1,\n "b": {"hooks": []},\n "c": 2}', id="ragged"),
        pytest.param(
            json.dumps({"hooks": {"Stop": [group("mine")]}, "z": 1}, indent=2),
            id="own hooks of the same event",
        ),
        pytest.param(
            json.dumps({"hooks": {"Other": [group("mine")]}}), id="of another event"
        ),
        pytest.param(
            '{\n  "hooks": { "Stop": [ { "hooks": [ ] } ] }\n}',
            id="inline inside lines",
        ),
        pytest.param('{"hooks": {"Stop": [7, null, {"hooks": 3}]}}', id="odd groups"),
        pytest.param(
            '{"hooks":{"a":[]},"hooks":{"Stop":[{}]}}', id="the same key twice"
        ),
    ],
)
class TestAnyWayToWrite:
    def test_in_and_out_is_as_before(self, text: str) -> None:
        assert without_hooks(with_hooks(text, wanted())) == text

    def test_each_event_has_our_command_once(self, text: str) -> None:
        installed = with_hooks(text, wanted())

        assert commands(installed) == dict.fromkeys(EVENTS, OURS)
        assert installed.count("jarvisctl") == len(EVENTS)

    def test_twice_is_as_once(self, text: str) -> None:
        once = with_hooks(text, wanted())

        assert with_hooks(once, wanted()) == once

    def test_the_rest_means_the_same(self, text: str) -> None:
        before, after = json.loads(text), json.loads(with_hooks(text, wanted()))

        for event, groups in before.pop("hooks", {}).items():
            assert after["hooks"][event][: len(groups)] == groups
        after.pop("hooks")
        assert after == before

    def test_the_ends_of_lines_are_of_one_kind(self, text: str) -> None:
        installed = with_hooks(text, wanted())

        if "\r\n" in text:
            assert installed.count("\n") == installed.count("\r\n")
        else:
            assert "\r" not in installed


def test_a_new_file_is_written_as_people_write_it() -> None:
    assert with_hooks(" \n", wanted("Stop")) == (
        '{\n  "hooks": {\n    "Stop": [\n      {\n        "hooks": [\n          {\n'
        '            "type": "command",\n'
        f'            "command": "{OURS}",\n'
        '            "timeout": 2\n'
        "          }\n        ]\n      }\n    ]\n  }\n}\n"
    )


def test_what_we_put_in_looks_like_the_rest() -> None:
    installed = with_hooks('{\n\t"hooks": {\n\t}\n}\n', wanted("Stop"))

    assert installed.startswith(
        '{\n\t"hooks": {\n\t\t"Stop": [\n\t\t\t{\n\t\t\t\t"hooks"'
    )
    assert installed.endswith("\n\t\t\t}\n\t\t]\n\t}\n}\n")


def test_an_upgrade_changes_the_path_and_nothing_else() -> None:
    old = with_hooks('{"a": 1}', wanted(command=OLD, timeout=9))

    assert with_hooks(old, wanted()) == old.replace(OLD, OURS)


def test_an_event_that_is_no_longer_wanted_goes() -> None:
    old = with_hooks('{"a": 1}', wanted())

    assert with_hooks(old, wanted("Stop")) == with_hooks('{"a": 1}', wanted("Stop"))


def test_a_command_that_is_there_twice_is_there_once_after() -> None:
    text = json.dumps({"hooks": {"Stop": [group(OLD, "mine", OLD), group(OURS)]}})

    assert json.loads(with_hooks(text, wanted("Stop"))) == {
        "hooks": {"Stop": [group(OURS, "mine")]}
    }


def test_ours_in_a_group_of_the_user_leaves_the_group() -> None:
    text = json.dumps({"hooks": {"Stop": [group("mine", OURS, matcher="x")]}})

    assert json.loads(without_hooks(text)) == {
        "hooks": {"Stop": [group("mine", matcher="x")]}
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1,}', "line 1, column [89]"),  # as Python's version has it
        ('{\n// mine\n"a": 1}', "line 2, column 1"),
        ('{"a": 1', "line 1, column 8"),
        ("{} {}", "line 1, column 4"),
        ('{"a": NaN}', "NaN"),
        ("{'a': 1}", "line 1, column 2"),
        ("[" * 100_000, "deep"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(NotJsonError, match=reason):
        with_hooks(text, wanted())

    with pytest.raises(NotJsonError, match=reason):
        without_hooks(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "no JSON object"),
        ("7", "no JSON object"),
        ('{"hooks": []}', "`hooks` is no object"),
        ('{"hooks": null}', "`hooks` is no object"),
        ('{"hooks": {"Stop": {}}}', "`hooks.Stop` is no array"),
    ],
)
def test_another_shape_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        with_hooks(text, wanted())

    with pytest.raises(ShapeError, match=reason):
        without_hooks(text)


Scalar = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
Value = st.recursive(
    Scalar | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
Group = st.builds(group, st.sampled_from(["mine", "other"]), matcher=Scalar) | Value
Events = st.dictionaries(
    st.sampled_from([*EVENTS, "Mine", "é"]),
    st.lists(Group, min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)
Settings = st.builds(
    lambda first, hooks, last: first | hooks | last,
    st.dictionaries(st.text(max_size=5), Value, max_size=3),
    st.fixed_dictionaries({}, optional={"hooks": Events}),
    st.dictionaries(st.text(max_size=5), Value, max_size=2),
)


@given(
    settings=Settings,
    indent=st.none() | st.sampled_from([1, 2, 4, "\t"]),
    tight=st.booleans(),
    plain=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
    ends=st.tuples(*[st.sampled_from(["", "\n", " \n\t"])] * 2),
)
def test_any_settings_come_back_to_the_byte(
    settings: dict[str, Any],
    indent: int | str | None,
    tight: bool,
    plain: bool,
    newline: str,
    ends: tuple[str, str],
) -> None:
    separators = (",", ":") if tight else (", " if indent is None else ",", ": ")
    written = json.dumps(
        settings, indent=indent, separators=separators, ensure_ascii=plain
    )
    text = ends[0] + written.replace("\n", newline) + ends[1]
    installed = with_hooks(text, wanted())

    assert without_hooks(installed) == text
    assert with_hooks(installed, wanted()) == installed
    assert set(commands(installed)) == set(EVENTS)
    upgraded = with_hooks(with_hooks(text, wanted(command=OLD)), wanted())
    assert without_hooks(upgraded) == text
