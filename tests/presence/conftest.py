from pathlib import Path

import pytest

from tests.presence.rig import Heard, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def heard() -> Heard:
    return Heard()
