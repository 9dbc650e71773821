from pathlib import Path

from jarvisd.core.discovery.inotify_files import LiveWatch
from jarvisd.presence.evidence_folders import EvidenceFolders
from tests.agents.found import AGENTS
from tests.presence.rig import Home


def ignored(_path: str) -> None:
    """Take a hint that is not what a test is about."""


def lost() -> None:
    """Take a loss that is not what a test is about."""


async def test_folders_of_trees_that_are_configured_later_are_followed(
    tmp_path: Path,
) -> None:
    one, other = Home(tmp_path / "one"), Home(tmp_path / "other")
    trees = one.trees()
    watch = LiveWatch(ignored, lost)
    folders = EvidenceFolders(lambda: trees, watch, AGENTS)
    with watch.open():
        folders.refresh()
        assert str(one.registry) in folders.registries
        watched = len(watch)

        trees = other.trees()
        folders.refresh()

        assert str(other.registry) in folders.registries
        assert str(one.registry) not in folders.registries
        assert len(watch) == watched


async def test_a_folder_that_is_made_again_is_watched_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    trees = home.trees()
    hints: list[str] = []
    watch = LiveWatch(hints.append, lost)
    folders = EvidenceFolders(lambda: trees, watch, AGENTS)
    with watch.open():
        folders.refresh()
        home.registry.rename(tmp_path / "away")
        folders.refresh()
        assert folders.is_degraded

        home.registry.mkdir()
        folders.refresh()
        assert not folders.is_degraded
