"""A home for a daemon of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.home import Home, temporary_home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return an empty home of the test's own."""
    with temporary_home(tmp_path) as home:
        yield home
