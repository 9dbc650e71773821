"""The users' page about agents is what the agents' folders say."""

import re

from tests.agents.found import AGENTS
from tools.agents_page import PAGE, page


def test_the_page_is_made_of_the_readmes() -> None:
    assert PAGE.read_text() == page(AGENTS), "run `make agents`"


def test_the_page_names_folders_of_any_home() -> None:
    logs = re.findall(r"^Logs: (.+)\.$", page(AGENTS), re.MULTILINE)

    assert any("`~/.claude/projects`" in each for each in logs)
    for each in logs:
        assert all(path.startswith(("`~/", "below ")) for path in each.split(", ")), (
            each
        )
