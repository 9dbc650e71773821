"""What a terminal is shown, whatever a stranger wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.client import format as fmt
from jarvisd.client.table import Cell, Column, render
from jarvisd.client.text import cut, pad, safe, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain", "plain", id="plain text stays"),
        pytest.param(
            "größe 你好 🎉", "größe 你好 🎉", id="letters of all scripts stay"
        ),
        pytest.param("a\x1b[31mred\x1b[0m", "ared", id="colours go as a whole"),
        pytest.param("\x1b]0;title\x07x", "x", id="titles go with their text"),
        pytest.param("\x1b]52;c;ZXZpbA==\x1b\\x", "x", id="clipboard writes go"),
        pytest.param("\x1b]0;never ended", "", id="an unfinished sequence goes"),
        pytest.param("a\x1bcb", "ab", id="a reset goes"),
        pytest.param("a\tb\u00a0c", "a b c", id="odd spaces become spaces"),
        pytest.param("a\r\nb\0c\x9bd", "abcd", id="control characters go"),
        pytest.param("a\u202eexe.txt\u2066", "aexe.txt", id="bidi marks go"),
        pytest.param("a\u200b\ufeffb", "ab", id="invisible characters go"),
        pytest.param("a\ud800b", "ab", id="lone surrogates go"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text())
def test_safe_text_is_printable_and_stays_the_same(text: str) -> None:
    shown = safe(text)

    assert shown.isprintable()
    assert safe(shown) == shown


@given(st.text().map(safe), st.integers(0, 20))
def test_padded_text_takes_exactly_its_columns(text: str, columns: int) -> None:
    assert width(cut(text, columns)) <= columns
    assert width(pad(text, columns)) == columns


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (9_949, "9.9k"),
        (9_950, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (5_600_000, "5.6M"),
    ],
)
def test_counts_take_at_most_four_characters(number: int, shown: str) -> None:
    assert fmt.count(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.04, "40 ms"),
        (0.9996, "1 s"),
        (18, "18 s"),
        (60, "1 m"),
        (200, "3 m 20 s"),
        (3_600, "1 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float, shown: str) -> None:
    assert fmt.duration(seconds) == shown


def test_a_part_is_shown_in_the_unit_of_its_whole() -> None:
    assert fmt.size_of(1_200_000_000, 4_000_000_000) == "1.2 of 4.0 GB"
    assert fmt.size_of(400_000, 4_000_000_000) == "0.0 of 4.0 GB"
    assert fmt.size_of(5, 20) == "5 of 20 B"


@pytest.mark.parametrize(
    ("passed_s", "shown"),
    [(-5, "now"), (1, "now"), (2, "2s"), (59, "59s"), (60, "1m"), (7200, "2h")],
)
def test_moments_are_told_relative_to_now(passed_s: int, shown: str) -> None:
    now_ms = 1_000_000_000

    assert fmt.ago(now_ms - passed_s * 1000, now_ms) == shown


def test_what_never_happened_has_no_moment() -> None:
    assert fmt.ago(None, 0) == "-"
    assert fmt.moment(None, 0) == "never"


TABLE = [
    Column(title="ID"),
    Column(title="NAME", least=6),
    Column(title="N", right=True),
]
ROWS = [
    [Cell("1"), Cell("a rather long name"), Cell("7", "31")],
    [Cell("2"), Cell("你好"), Cell("1000")],
]


def test_columns_line_up_also_under_wide_characters() -> None:
    assert render(TABLE, ROWS, room=None, colour=False) == [
        "ID  NAME                   N",
        "1   a rather long name     7",
        "2   你好                1000",
    ]


@pytest.mark.parametrize("room", range(1, 40))
def test_a_table_is_never_wider_than_the_terminal(room: int) -> None:
    lines = render(TABLE, ROWS, room=room, colour=False)

    assert all(width(line) <= room for line in lines)


def test_only_the_elastic_column_gives_way() -> None:
    assert render(TABLE, ROWS, room=18, colour=False)[1] == "1   a rathe…     7"


def test_colour_is_shown_only_where_it_is_wanted() -> None:
    assert "\x1b[31m" in "".join(render(TABLE, ROWS, room=80, colour=True))
    assert "\x1b" not in "".join(render(TABLE, ROWS, room=80, colour=False))
