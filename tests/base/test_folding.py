"""Folding: half goes, its number stays right, and no summary is summarised away."""

import pytest

from jarvisd.conversations.folding import (
    FIRST_QUOTES,
    GAP,
    MAX_QUOTES,
    QUOTE_CHARS,
    FoldedMessage,
    Summary,
    fold,
    fold_count,
    without_quotes,
)


def lines(*numbers: int) -> list[FoldedMessage]:
    return [FoldedMessage("user", f"m{number}") for number in numbers]


@pytest.mark.parametrize(
    ("count", "threshold", "half"),
    [
        pytest.param(5, 5, 2, id="as many as allowed are kept"),
        pytest.param(6, 5, 3, id="one more, and half of them go"),
        pytest.param(101, 100, 50, id="of an odd number the smaller half goes"),
        pytest.param(50, 100, 0, id="half of the threshold is not worth it"),
        pytest.param(51, 100, 25, id="more than that is, when asked for"),
        pytest.param(1, 0, 0, id="one message has no half"),
        pytest.param(2, 0, 1, id="a threshold of 0 is 0"),
        pytest.param(0, 0, 0, id="nothing to fold"),
    ],
)
def test_how_much_is_folded(*, count: int, threshold: int, half: int) -> None:
    assert fold_count(count, threshold) == half


def test_a_summary_quotes_ten_and_tells_of_all() -> None:
    summary = fold(None, lines(*range(50)))

    header, *quotes = summary.content.split("\n")
    assert header == "Summary of 50 earlier messages:"
    assert quotes == [f"[user] m{number}" for number in range(10)]


def test_a_quote_is_one_line_of_a_hundred_characters() -> None:
    summary = fold(None, [FoldedMessage("assistant", "a\r\nb\u2028c\t" + "é" * 500)])

    quote = summary.content.split("\n")[1]
    assert quote == "[assistant] " + ("a b c " + "é" * 500)[:QUOTE_CHARS]


def test_a_later_round_keeps_what_the_first_one_told() -> None:
    first = fold(None, lines(0, 1, 2))

    second = fold(first, lines(3, 4))

    assert second.folded == 5
    assert second.content.split("\n") == [
        "Summary of 5 earlier messages:",
        *(f"[user] m{number}" for number in range(5)),
    ]


def test_a_summary_stays_small_and_right_over_a_thousand_rounds() -> None:
    summary = None
    for number in range(1000):
        summary = fold(summary, lines(*range(10 * number, 10 * number + 10)))

    assert summary is not None
    header, *quotes = summary.content.split("\n")
    assert header == "Summary of 10000 earlier messages:"
    assert quotes[:FIRST_QUOTES] == [f"[user] m{each}" for each in range(FIRST_QUOTES)]
    assert quotes[FIRST_QUOTES] == GAP
    assert quotes[-1] == "[user] m9999"
    assert len(quotes) == MAX_QUOTES + 1


@pytest.mark.parametrize("content", ["", "no header", "\n\n", "x\n[...]\n[...]"])
def test_a_damaged_summary_keeps_its_number(content: str) -> None:
    assert fold(Summary(content, 7), lines(1)).folded == 8


def test_a_stripped_summary_tells_its_number_only() -> None:
    assert without_quotes(1).content == "Summary of 1 earlier message:"
