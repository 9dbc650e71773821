"""Agents are found by their folders, and loaded no sooner than they are needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from jarvisd import agents
from jarvisd.core.agent import discover_agents
from jarvisd.core.agent_folders import agent_names
from tests import toy_agents
from tests.agents import toys
from tests.books.rig import append, running

START = """
import sys
import jarvisd.__main__
from jarvisd import agents
from jarvisd.core.agent import discover_agents
discover_agents(agents.__name__)
print(*sys.modules)
"""


LOADED_AT_START = {"about", "agent", "places", "settings", "traits"}
"""Modules of an agent's folder, which are small and import nothing large."""


def modules_of(program: str) -> set[str]:
    """Return the modules that *program*, which prints them, has imported."""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(told.stdout.split())


def test_an_agent_is_a_folder_with_an_agent_in_it() -> None:
    folders = Path(agents.__file__ or "").parent.glob("[!_]*/agent.py")
    names = sorted(each.parent.name for each in folders)

    assert {"claude", "codex", "text"} < set(names)
    assert agent_names(agents.__name__) == names
    assert discover_agents(agents.__name__).names == tuple(names)


def test_a_start_loads_no_reader_of_an_agent_that_has_written_nothing() -> None:
    """Nothing of it but what names it, says where its logs are, and judges its states."""
    loaded = modules_of(START)

    for name in {*agent_names(agents.__name__)} - {"text"}:
        folder = f"jarvisd.agents.{name}."
        found = {
            each.removeprefix(folder) for each in loaded if each.startswith(folder)
        }
        assert found <= LOADED_AT_START, name

    sources = ("jarvisd.core.sources.document", "jarvisd.core.sources.sqlite")
    assert not [each for each in loaded if each.startswith(sources)]


def test_a_start_imports_no_library_for_databases_that_are_not_there() -> None:
    packages = f"agents.__name__, {toy_agents.__name__!r}"
    loaded = modules_of(START.replace("agents.__name__", packages))

    assert f"{toy_agents.__name__}.notebook_db.agent" in loaded
    assert not {"apsw", "backports.zstd"} & loaded
    assert not [each for each in loaded if each.endswith("notebook_db.read")]


@pytest.mark.parametrize("command", ["hook", "line"])
def test_quick_commands_load_no_agent(command: str) -> None:
    loaded = modules_of(f"import sys, jarvisd.cli.{command}; print(*sys.modules)")

    assert not [each for each in loaded if each.startswith("jarvisd.agents")]


async def test_an_agent_of_another_package_is_read_like_the_others(
    tmp_path: Path,
) -> None:
    """With its running totals remembered over a restart, and malformed lines told."""
    known = discover_agents(agents.__name__, toys.__name__)
    log = tmp_path / ".tally" / "t1.tally"
    log.parent.mkdir()
    append(log, b"1795228013 100", b"1795228014 250", b"what?")
    async with running(tmp_path, agents=known) as daemon:
        await daemon.sync()
        assert daemon.session("t1", "tally").tokens.output == 250
        daemon.crash()

    for total in (250, 400):
        async with running(tmp_path, agents=known) as daemon:
            append(log, b"1795228020 %d" % total)
            await daemon.sync()

            assert daemon.session("t1", "tally").tokens.output == total
            assert daemon.block().malformed_count == 1
