"""An agent that is known and not read."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

_DATA, _CONFIG = "~/.local/share/", "~/.config/"


class UnreadFolder(msgspec.Struct, frozen=True, gc=False):
    """A folder in which an agent keeps its logs.

    Attributes:
        usual: Where it is by default; `~/` is the home. What is below `~/.local/share`
            or `~/.config` moves with `XDG_DATA_HOME` and `XDG_CONFIG_HOME`.
        variable: The environment variable that names another folder, if there is one.
        below: Where the logs are below the folder that *variable* names.

    """

    usual: str
    variable: str = ""
    below: str = ""

    def path(self, environ: Mapping[str, str], home: Path) -> Path:
        """Return where it is."""
        named = environ.get(self.variable, "") if self.variable else ""
        if named:
            return Path(named, self.below)

        for start, variable in ((_DATA, "XDG_DATA_HOME"), (_CONFIG, "XDG_CONFIG_HOME")):
            base = environ.get(variable, "")
            if self.usual.startswith(start) and base.startswith("/"):
                return Path(base, self.usual.removeprefix(start))

        return Path(home, self.usual.removeprefix("~/"))


class UnreadAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that is known and not read; *reason* is why not, for people."""

    name: str
    title: str
    folders: tuple[UnreadFolder, ...]
    reason: str
