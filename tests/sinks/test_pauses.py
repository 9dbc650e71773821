"""How long a sink that fails is left alone."""

import pytest

from jarvisd.sinks.backoff import MAX_PAUSE_S, MIN_PAUSE_S, pause_s


@pytest.mark.parametrize(
    ("failures", "jitter", "pause"),
    [
        pytest.param(0, 0.0, 1.0, id="a second at first"),
        pytest.param(0, 1.0, 1.0, id="and never less"),
        pytest.param(1, 0.0, 2.0, id="doubled"),
        pytest.param(3, 0.0, 8.0, id="and again"),
        pytest.param(3, 1.0, 4.0, id="half of it is up to chance"),
        pytest.param(10, 0.0, 900.0, id="a quarter of an hour at most"),
        pytest.param(100_000, 0.0, 900.0, id="for ever"),
    ],
)
def test_the_pause_after_so_many_failures(
    failures: int, jitter: float, pause: float
) -> None:
    assert pause_s(failures, jitter) == pause


def test_pauses_stay_between_a_second_and_a_quarter_of_an_hour() -> None:
    pauses = [pause_s(each, jitter / 10) for each in range(20) for jitter in range(11)]

    assert (min(pauses), max(pauses)) == (MIN_PAUSE_S, MAX_PAUSE_S)
