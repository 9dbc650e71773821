import pytest

from benchmarks.rows import Row, percentile
from benchmarks.table import number, render


def row(
    *samples: float,
    must: float | None = None,
    ambition: float | None = None,
    more_is_better: bool = False,
) -> Row:
    return Row(
        figure="first answer",
        samples=samples,
        unit="s",
        must=must,
        ambition=ambition,
        more_is_better=more_is_better,
    )


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        pytest.param(row(9.0), "", id="no target, no verdict"),
        pytest.param(row(1.0, 2.0, 9.0, must=2.0), "ok", id="the median decides"),
        pytest.param(row(2.1, must=2.0, ambition=1.0), "short", id="above both"),
        pytest.param(row(1.0, must=2.0, ambition=1.0), "ambition", id="both met"),
        pytest.param(row(0.0, must=0.0, ambition=0.0), "ambition", id="zero of zero"),
        pytest.param(
            row(300, must=250, ambition=450, more_is_better=True), "ok", id="more, ok"
        ),
        pytest.param(
            row(200, must=250, ambition=450, more_is_better=True), "short", id="too few"
        ),
    ],
)
def test_the_verdict_names_the_best_target_that_is_met(
    measured: Row, verdict: str
) -> None:
    assert measured.verdict == verdict


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        pytest.param(50, 50, id="half are not above"),
        pytest.param(99, 99, id="one in a hundred is above"),
        pytest.param(100, 100, id="the largest"),
        pytest.param(0, 1, id="the smallest"),
    ],
)
def test_a_percentile_is_a_sample(percent: float, expected: float) -> None:
    assert percentile([float(each) for each in range(100, 0, -1)], percent) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0, "0", id="nothing"),
        pytest.param(0.1234, "0.123", id="small"),
        pytest.param(1.234, "1.23", id="units"),
        pytest.param(12.34, "12.3", id="tens"),
        pytest.param(1234.5, "1,234", id="thousands"),
    ],
)
def test_a_number_has_three_digits(value: float, expected: str) -> None:
    assert number(value) == expected


def test_the_table_holds_every_row_and_what_is_missing() -> None:
    shown = render([row(0.2, must=0.5)], [("history", "needs the generator")])

    assert "first answer" in shown
    assert "<= 0.500" in shown
    assert shown.endswith("not measured: history: needs the generator")
