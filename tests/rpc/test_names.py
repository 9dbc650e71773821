"""The shortest beginnings of ids: each is its own, and none could be shorter."""

from hypothesis import given
from hypothesis import strategies as st

from jarvisd.base.work_in_turns import at_once
from jarvisd.overview.name_candidates import begins
from jarvisd.overview.name_resolution import LEAST_CHARS, shortened, shortest

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


@given(IDS, IDS)
def test_what_is_shown_of_ids_begins_them_and_no_others(
    heads: set[str], rests: set[str]
) -> None:
    subagents = {f"{head}/{rest}" for head in heads for rest in rests}
    for ids in (sorted(heads), sorted(subagents)):
        short_ids = at_once(shortened(ids, heads | subagents))
        for whole, short in zip(ids, short_ids, strict=True):
            meant = [each for each in ids if begins(each, short)]
            assert whole in meant
            assert meant == [whole] or whole == short or _is_beginning(whole, ids)


def _is_beginning(whole: str, ids: list[str]) -> bool:
    """Return True if a part of *whole* begins that of another one: it cannot be cut."""
    parts = whole.split("/")
    others = [each.split("/") for each in ids if each != whole]
    return any(
        other[at].startswith(part) and other[at] != part
        for other in others
        for at, part in enumerate(parts)
    )
