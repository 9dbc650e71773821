"""Homes of the tests' own, and how long noise is made."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.e2e.home import Home, temporary_home

settings.register_profile(
    "fuzz",
    max_examples=200_000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
if "HYPOTHESIS_PROFILE" in os.environ:
    settings.load_profile(os.environ["HYPOTHESIS_PROFILE"])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return an empty home of the test's own."""
    with temporary_home(tmp_path) as home:
        yield home
