"""Absurd numbers: left out where they stand, and nothing else with them."""

from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from jarvisd.agents.claude.status_line import Input
from jarvisd.agents.claude.status_line import status_line as read_status_line
from jarvisd.core.record import Record
from tests.agents.found import read_alone
from tests.agents.poisoned import ABSURD, Poisoned, numeric_fields, poisoned
from tests.agents.poisoned import AGENTS as POISONED

agents = pytest.mark.parametrize("agent", POISONED)


def parse(agent: str, text: bytes) -> Record:
    record = read_alone(agent, text, offset=0)
    assert record is not None, text
    return record


def numbers_in(value: object) -> Iterator[float]:
    match value:
        case bool():
            pass
        case int() | float():
            yield value
        case list():
            for each in value:
                yield from numbers_in(each)
        case dict():
            for each in value.values():
                yield from numbers_in(each)


def of(each: Poisoned) -> str:
    return each.text.decode()


@agents
def test_an_absurd_number_is_as_absent_and_counted(agent: str) -> None:
    wrong = [
        of(each)
        for each in poisoned(agent)
        if not each.is_allowed
        and parse(agent, each.text)
        != replace(parse(agent, each.without), left_out=int(each.is_number))
    ]

    assert wrong == []


@agents
def test_no_number_that_is_taken_in_is_beyond_what_sums_and_sqlite_hold(
    agent: str,
) -> None:
    records = [parse(agent, each.text) for each in poisoned(agent)]

    digests_apart = [msgspec.to_builtins(each) for each in records]
    assert max(numbers_in(digests_apart)) < 2**53
    assert min(numbers_in(digests_apart)) >= -(2**31)


@pytest.mark.parametrize("literal", ABSURD)
@pytest.mark.parametrize("field", ["durationMs", "totalDurationMs", "searchCount"])
def test_an_absurd_number_in_what_is_noted_of_a_result_is_left_out(
    field: str, literal: str
) -> None:
    text = (
        '{"type":"user","message":{"content":[{"type":"tool_result",'
        f'"tool_use_id":"t"}}]}},"toolUseResult":{{"{field}":{literal}}}}}'
    )

    record = parse("claude", text.encode())

    assert max(numbers_in(msgspec.to_builtins(record))) < 2**53


@agents
def test_every_numeric_field_of_a_line_has_a_range(agent: str) -> None:
    fields = numeric_fields(POISONED[agent].shape)

    unbounded = [
        path
        for path, kind in fields.items()
        if all(_is_taken(literal, kind) for literal in ("-9223372036854775809", "-1e9"))
    ]

    assert len(fields) >= 4
    assert unbounded == []


def _is_taken(literal: str, kind: object) -> bool:
    try:
        msgspec.json.decode(literal, type=kind)
    except msgspec.ValidationError:
        return False

    return True


@pytest.mark.parametrize("literal", ABSURD)
def test_a_status_line_with_an_absurd_number_keeps_the_rest(literal: str) -> None:
    for path in numeric_fields(Input):
        inner = "".join(f'{{"{step}":' for step in path)
        payload = f'{{"session_id":"s1",{inner[1:]}{literal}{"}" * len(path)}'

        read = read_status_line(payload.encode(), at_ms=1)

        assert read is not None
        assert max(numbers_in(msgspec.to_builtins(read)), default=0) < 2**53
