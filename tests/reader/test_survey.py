from pathlib import Path

from jarvisd.model.source import Place, Tree
from jarvisd.reader.survey import Survey
from tests.support import FakeClock


def survey_of(*roots: Path) -> Survey:
    trees = tuple(
        Tree(
            agent="claude",
            root=each,
            place=lambda _: Place(),
            enters=lambda _: True,
        )
        for each in roots
    )
    return Survey(trees, FakeClock(), excluded=lambda _: False, max_pause_s=60.0)


def test_roots_that_were_handed_to_the_watcher_are_no_news(tmp_path: Path) -> None:
    survey = survey_of(tmp_path)

    assert survey.roots() == [str(tmp_path)]
    assert not survey.roots_changed()


def test_a_root_that_comes_later_is_told_once(tmp_path: Path) -> None:
    survey = survey_of(tmp_path, tmp_path / "later")
    survey.roots()
    (tmp_path / "later").mkdir()

    assert survey.roots_changed()
    assert not survey.roots_changed()
