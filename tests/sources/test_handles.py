"""Descriptors where there are few."""

import os
import resource
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import anyio
import pytest

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.handles import Handles

FEW = 12
MANY = 10_000


@pytest.fixture
def _few() -> Iterator[None]:
    """Let this process open few more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + FEW, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_one_left(folder: Path) -> bool:
    with suppress(OSError):
        os.scandir(folder).close()
        return True

    return False


@pytest.mark.usefixtures("_few")
def test_a_folder_can_be_opened_though_files_hold_every_descriptor(
    tmp_path: Path,
) -> None:
    with closing(Handles(limit=MANY)) as handles:
        number = count()
        while is_one_left(tmp_path):
            path = tmp_path / str(next(number))
            path.touch()
            handles.get(str(path))

        handles.free_one()

        assert is_one_left(tmp_path)
        assert len(handles) > 0


def test_files_opened_together_keep_their_own_errors(tmp_path: Path) -> None:
    link, file, gone = (str(tmp_path / each) for each in ("link", "file", "gone"))
    Path(file).touch()
    Path(link).symlink_to(file)
    with closing(Handles()) as handles:
        anyio.run(handles.open, link, file, gone)

        assert handles.peek(file) is not None
        with pytest.raises(SourceError, match="symbolic link"):
            handles.get(link)

        with pytest.raises(FileNotFoundError):
            handles.get(gone)
