"""How commands are entered that an agent shall run at its hooks.

Data and pure functions, one value for each agent in its folder. Who reads and writes the
files, and asks programs for their version, is the command line (`jarvisd.cli.hooks`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

Version = tuple[int, ...]

Folders = Callable[[Mapping[str, str], Path], tuple[Path, ...]]
"""(environ, home) -> the folders in which an agent may keep its settings."""


class HookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent is told which commands to run, and at which of its hooks.

    Attributes:
        folders: Where its settings may lie, beside what is configured.
        leaves: Names of folders of transcripts, which lie in a folder of settings.
        file: The name of the file with the hooks.
        events: Every hook that we want, and the version from which on it may be written.
        program: The program to ask for its version; None where a version passes over
            hooks that it does not know.
        places: Where that may lie in the folder of settings, and in the user's home,
            beside the folders of programs.
        oldest: The version that is assumed where no program tells one.
        advisor: The name of the file beside that may switch hooks off, if one may.
        advice: What else a person must do, now that the hooks are in the file, by the
            text of the advisor; "" where there is none, or it cannot be read.

    """

    folders: Folders
    leaves: frozenset[str]
    file: str
    events: Mapping[str, Version]
    program: str | None = None
    places: tuple[str, str] = ("", "")
    oldest: Version = ()
    advisor: str | None = None
    advice: Callable[[str], str]
