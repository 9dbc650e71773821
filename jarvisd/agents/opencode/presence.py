"""How processes of opencode are known. It keeps no registry of sessions.

The script that npm installs starts the program and waits for it, so only the program
itself counts. Files in `locks/` stay when a process has ended, and name no session.
"""

from collections.abc import Callable, Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_SERVERS = frozenset({"serve", "web", "acp"})
_OTHERS = frozenset(
    {
        "agent",
        "auth",
        "completion",
        "config",
        "console",
        "db",
        "debug",
        "export",
        "generate",
        "github",
        "import",
        "login",
        "logout",
        "mcp",
        "models",
        "plugin",
        "providers",
        "session",
        "stats",
        "uninstall",
        "upgrade",
    }
)
"""Commands that work on no session."""


def role_of(*names: str) -> Callable[[Sequence[str]], ProcessRole | None]:
    """Return how processes of the program *names* are recognised."""

    def role(argv: Sequence[str]) -> ProcessRole | None:
        """Return the role of the process with *argv*, or None if it is not the agent."""
        if not argv or name_of(argv[0]).lstrip(".") not in names:
            return None

        command = next((word for word in argv[1:] if not word.startswith("-")), "")
        if command == "run":
            return ProcessRole.ONCE

        if command in _OTHERS:
            return None

        return ProcessRole.HOSTS if command in _SERVERS else ProcessRole.TALKS

    return role


EVIDENCE = Evidence(role=role_of("opencode"))
