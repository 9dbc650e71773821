"""The last exit code in an output, found from its end, is that of a search from its start."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.agents._shared.last_number import last_number

MARK = "Code: "
PATTERN = re.compile(r"^Code: (-?\d{1,9})$", re.MULTILINE)
PIECES = st.sampled_from([MARK, "0", "-1", "7", "x", "\n", " ", "1234567890", "Code"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("Code: 3", "3", id="all of it"),
        pytest.param("Code: 3\nCode: -1\n", "-1", id="the last of two"),
        pytest.param("Code: 3\nsay Code: 4\n", "3", id="not inside of a line"),
        pytest.param("Code: 3\nCode: many\n", "3", id="no number behind it"),
        pytest.param("Code: many", None, id="no number at all"),
    ],
)
def test_the_last_number_is_found(text: str, expected: str | None) -> None:
    assert last_number(PATTERN, MARK, text) == expected


@given(text=st.lists(PIECES, max_size=24).map("".join))
def test_it_is_the_last_one_of_all(text: str) -> None:
    found = PATTERN.findall(text)

    assert last_number(PATTERN, MARK, text) == (found[-1] if found else None)
