"""docs/internals/reliability.md names tests, suites and targets that there are."""

import re
from pathlib import Path

import pytest

from tests.e2e.home import CODE
from tests.hostile.__main__ import SUITES

DOCUMENT = (CODE / "docs" / "internals" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", DOCUMENT)))


def test_every_fault_case_has_a_test_that_is_there() -> None:
    missing = [each for each in NAMED if not is_there(*each)]

    assert len(NAMED) > 60
    assert not missing


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make (\w+)", DOCUMENT))))
def test_every_command_is_a_target(target: str) -> None:
    assert re.search(rf"^{target}:", (CODE / "Makefile").read_text(), re.MULTILINE)


def test_every_suite_belongs_to_a_target() -> None:
    calls = re.findall(
        r"-m tests\.hostile (.*) \$\(ARGS\)", (CODE / "Makefile").read_text()
    )

    assert {each for call in calls for each in call.split()} == set(SUITES)


def is_there(file: str, test: str) -> bool:
    """Say whether *file* below the tests has such a test."""
    path = Path(CODE, "tests", file)
    return path.exists() and f"def {test}(" in path.read_text()
