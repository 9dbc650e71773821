"""Where recorded logs lie, if they lie anywhere."""

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]
SHARED = Path(os.environ.get("JARVISD_SHARED", _REPOSITORY.parent / "shared"))


def runs(agent: str) -> list[Path]:
    """Return the folders of all recorded runs of *agent*."""
    return sorted((SHARED / "corpus" / agent).glob("*/"))


def needs_shared(path: str = "corpus") -> pytest.MarkDecorator:
    """Return a mark that skips a test where the recordings are absent."""
    return pytest.mark.skipif(
        not (SHARED / path).is_dir(),
        reason=f"{path} is not there: set JARVISD_SHARED to the folder of recordings",
    )
