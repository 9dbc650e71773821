"""Options and fixtures that more than one folder of tests uses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from jarvisd.ledger.open_segments import NOTHING, OpenSegment

# A busy machine makes examples slow; that is no fault of the code under test.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

REPOSITORY = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what was made over the golden files; review the difference",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(autouse=True)
def _no_test_changes_what_sessions_share() -> Iterator[None]:
    """Fail a test that changes the empty segment of all sessions that are over."""
    yield
    assert OpenSegment() == NOTHING, "a session without an open segment changed others"
