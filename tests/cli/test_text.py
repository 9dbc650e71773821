"""What a terminal is shown, whatever a stranger wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.cli.output import format as fmt
from jarvisd.cli.output.project_names import distinct, short
from jarvisd.cli.output.tables import Column, TableCell, facts, render, styled
from jarvisd.cli.output.text import clip, cut, painted, safe, width, wrap


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
        pytest.param("a\0b\x9bc\x7f", "abc", id="control characters go"),
        pytest.param("bell\nand\tline", "bell and line", id="ends of lines are spaces"),
        pytest.param("\u2764\ufe0f👍\U0001f3fd", "\u2764👍", id="styles of emoji go"),
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


@given(st.text().map(safe), st.integers(0, 20), st.booleans())
def test_cut_text_fits_and_keeps_its_end_or_its_beginning(
    text: str, columns: int, front: bool
) -> None:
    shown = cut(text, columns, front=front)

    assert width(shown) <= columns
    kept = shown.replace("…", "")
    assert text.endswith(kept) if front else text.startswith(kept)


@given(st.text().map(safe), st.integers(2, 20))
def test_wrapped_text_fits_and_loses_no_letter(text: str, columns: int) -> None:
    lines = wrap(text, columns)

    assert all(width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.tuples(st.text(), st.sampled_from(["", "31", "1;33"]))))
def test_a_painted_line_has_no_escape_but_colours(parts: list[tuple[str, str]]) -> None:
    line = "".join(styled(text, style) for text, style in parts)

    assert painted(line) == line
    plain = clip(line, 10)
    for colour in ("\x1b[0m", "\x1b[31m", "\x1b[1;33m"):
        plain = plain.replace(colour, "")

    assert plain.isprintable()
    assert width(plain) <= 10


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        pytest.param("你好", 4, id="Chinese"),
        pytest.param("한국어", 6, id="Korean"),
        pytest.param("🎉🚀", 4, id="emoji"),
        pytest.param("🇩🇪", 2, id="a flag"),
        pytest.param("e\u0301", 1, id="a combining accent"),
        pytest.param("กำลัง", 4, id="Thai"),
        pytest.param("שלום", 4, id="Hebrew"),
        pytest.param("─█…", 3, id="lines and blocks"),
    ],
)
def test_columns_are_those_of_a_terminal(text: str, columns: int) -> None:
    assert width(safe(text)) == columns


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
    Column(title="ID", rank=1),
    Column(title="NAME", least=6),
    Column(title="PLACE", least=6, rank=2, front=True),
    Column(title="N", right=True),
]
ROWS = [
    [
        TableCell("1"),
        TableCell("a rather long name"),
        TableCell("/srv/work/shop"),
        TableCell("7", "31"),
    ],
    [TableCell("2"), TableCell("你好"), TableCell("-"), TableCell("1000")],
]


def test_columns_line_up_also_under_wide_characters() -> None:
    assert render(TABLE, ROWS, room=None, colour=False) == [
        "ID  NAME                PLACE              N",
        "1   a rather long name  /srv/work/shop     7",
        "2   你好                -               1000",
    ]


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("room", range(1, 50))
def test_a_table_is_never_wider_than_the_terminal(room: int, colour: bool) -> None:
    total = [TableCell("total"), TableCell(""), TableCell(""), TableCell("1007")]

    lines = render(TABLE, ROWS, room=room, colour=colour, total=total)

    assert all(width(safe(line)) <= room for line in lines)


@pytest.mark.parametrize(
    ("room", "row"),
    [
        pytest.param(44, "1   a rather long name  /srv/work/shop     7", id="all"),
        pytest.param(
            40, "1   a rather long…  /srv/work/shop     7", id="the widest first"
        ),
        pytest.param(27, "1   a rath…  …rk/shop     7", id="and then both"),
        pytest.param(22, "1   a rather lo…     7", id="the least useful goes"),
        pytest.param(12, "a rat…     7", id="one after the other"),
        pytest.param(8, "a …    7", id="what stays gives way at last"),
    ],
)
def test_how_a_table_gives_way(room: int, row: str) -> None:
    lines = render(TABLE, ROWS, room=room, colour=False)

    assert lines[1] == row


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (28, "Permission Bash, 14 s (hook)"),
        (20, "Permis…, 14 s (hook)"),
        (17, "Per…, 14 s (hook)"),
        (16, "Permission Bash…"),
    ],
)
def test_an_end_that_says_more_is_kept(room: int, shown: str) -> None:
    columns = [Column(title="WHY", least=4, tail=", ")]
    rows = [[TableCell("Permission Bash, 14 s (hook)")]]

    assert render(columns, rows, room=room, colour=False)[1] == shown


def test_a_title_keeps_its_part_of_a_wide_terminal() -> None:
    columns = [
        Column(title="TITLE", least=4, part=0.5),
        Column(title="N", rank=1),
        Column(title="M", rank=2),
    ]
    rows = [
        [
            TableCell("a title of thirty characters ."),
            TableCell("1000"),
            TableCell("2000"),
        ]
    ]

    assert (
        render(columns, rows, room=26, colour=False)[1] == "a title of th…  1000  2000"
    )
    assert render(columns, rows, room=22, colour=False)[1] == "a title of thir…  1000"
    assert render(columns, rows, room=12, colour=False)[1] == "a tit…  1000"


def test_a_narrow_column_stays_where_a_wide_one_made_room() -> None:
    columns = [
        Column(title="A"),
        Column(title="WIDE", rank=1),
        Column(title="N", rank=2),
    ]
    rows = [[TableCell("a"), TableCell("very wide, and never cut"), TableCell("7")]]

    assert render(columns, rows, room=10, colour=False) == ["A  N", "a  7"]


def test_a_total_is_set_off() -> None:
    total = [TableCell(""), TableCell("total"), TableCell(""), TableCell("1007")]

    shown = render(TABLE, ROWS, room=None, colour=False, total=total)

    assert shown[-2:] == [
        "-" * 44,
        "    total                               1007",
    ]
    bold = render(TABLE, ROWS, room=None, colour=True, total=total)[-1]
    assert "\x1b[1mtotal\x1b[0m" in bold


def test_a_table_makes_its_cells_safe() -> None:
    (_, row) = render(
        [Column(title="A")],
        [[TableCell("a\x1b]0;evil\x07\u202eb")]],
        room=80,
        colour=True,
    )

    assert row == "ab"


def test_colour_is_shown_only_where_it_is_wanted() -> None:
    assert "\x1b[31m" in "".join(render(TABLE, ROWS, room=80, colour=True))
    assert "\x1b" not in "".join(render(TABLE, ROWS, room=80, colour=False))


def test_a_long_fact_goes_on_below_its_value() -> None:
    shown = facts([("path", "/a/long path/that is/longer")], least=6, room=20)

    assert shown == ["path   /a/long", "       path/that", "       is/longer"]


def test_folders_have_short_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")

    assert short("/home/ada/work/shop") == "shop"
    assert short(None, "/home/ada/") == "~"
    assert short("/home/ada2") == "ada2"
    assert short("shop") == "shop"
    assert short("/") == "/"
    assert short(None) == ""
    assert distinct(["/a/shop", "/b/shop", "/c", "shop"]) == {
        "/a/shop": "a/shop",
        "/b/shop": "b/shop",
        "/c": "c",
        "shop": "shop",
    }
