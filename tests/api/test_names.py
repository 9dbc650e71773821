"""The shortest beginnings of ids: each is its own, and none could be shorter."""

from hypothesis import given
from hypothesis import strategies as st

from jarvisd.api.names import LEAST_CHARS, shortest

IDS = st.sets(st.text("01-", min_size=1, max_size=12), min_size=1, max_size=40)


@given(IDS)
def test_a_beginning_is_unique_and_the_shortest(ids: set[str]) -> None:
    known = sorted(ids)
    for wanted in known:
        short = shortest(wanted, known)

        assert wanted.startswith(short)
        others = [each for each in known if each.startswith(short) and each != wanted]
        assert not others or short == wanted  # an id that another one begins with
        if len(short) > LEAST_CHARS:
            shorter = [each for each in known if each.startswith(short[:-1])]
            assert len(shorter) > 1
