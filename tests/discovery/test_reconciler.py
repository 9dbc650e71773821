from pathlib import Path

import pytest

from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.roots import Place, Tree
from tests.support import FakeClock


class BusyClock(FakeClock):
    """Time that passes while something is being done."""

    def spend(self, seconds: float) -> None:
        self._move_to(self.monotonic() + seconds)


def survey_of(
    *roots: Path, clock: FakeClock | None = None, max_pause_s: float = 60.0
) -> Reconciler:
    trees = tuple(
        Tree(
            agent="claude",
            root=each,
            place=lambda _: Place(),
            enters=lambda _: True,
        )
        for each in roots
    )
    return Reconciler(
        trees,
        clock or FakeClock(),
        excluded=lambda _: False,
        max_pause_s=max_pause_s,
    )


def test_roots_that_were_handed_to_the_watcher_are_no_news(tmp_path: Path) -> None:
    reconciler = survey_of(tmp_path)

    assert reconciler.roots() == [str(tmp_path)]
    assert not reconciler.roots_changed()


def test_a_root_that_comes_later_is_told_once(tmp_path: Path) -> None:
    reconciler = survey_of(tmp_path, tmp_path / "later")
    reconciler.roots()
    (tmp_path / "later").mkdir()

    assert reconciler.roots_changed()
    assert not reconciler.roots_changed()


@pytest.mark.parametrize(
    ("took_s", "degraded", "pause_s"),
    [
        pytest.param(0.0003, False, 2.0, id="a cheap scan is not repeated at once"),
        pytest.param(0.002, False, 10.0, id="a dearer one pauses for longer"),
        pytest.param(0.010, True, 2.0, id="and for less while watchers fail"),
        pytest.param(0.060, False, 15.0, id="at most as long as was asked for"),
        pytest.param(0.600, False, 120.0, id="unless it would cost too much"),
        pytest.param(0.600, True, 30.0, id="which is more while watchers fail"),
    ],
)
async def test_the_pause_follows_from_what_a_scan_costs(
    tmp_path: Path, took_s: float, degraded: bool, pause_s: float
) -> None:
    (tmp_path / "one").touch()
    clock = BusyClock()
    reconciler = survey_of(tmp_path, clock=clock, max_pause_s=15.0)

    await reconciler.scan(
        lambda _: clock.spend(took_s),
        before_open=lambda: None,
        source_of=lambda path: path,
        degraded=degraded,
    )

    clock.spend(pause_s - 0.1)
    assert not reconciler.is_due()
    clock.spend(0.2)
    assert reconciler.is_due()
