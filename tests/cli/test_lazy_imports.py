"""The modules that commands load, which are most of their time, and the names of methods."""

import subprocess
import sys

import pytest

from jarvisd.rpc.method_names import METHOD_NAMES
from jarvisd.rpc.wire import METHODS

SLOW = {"anyio", "hashlib", "pathlib", "shutil", "tomllib", "jarvisd.config"}
LOADED = """
import sys
from jarvisd.cli import parser, shell
parser.build([sys.argv[1]])
print(*sys.modules)
"""


@pytest.mark.parametrize("command", ["ps", "next", "report"])
def test_a_command_loads_no_module_that_it_does_not_need(command: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", LOADED, command], capture_output=True, check=True
    )
    loaded = set(found.stdout.decode().split())

    assert not loaded & (SLOW | {"jarvisd.rpc.wire"})


def test_the_client_knows_the_names_of_all_methods() -> None:
    known = {params.__name__: name for name, (params, _) in METHODS.items()}

    assert known == METHOD_NAMES
