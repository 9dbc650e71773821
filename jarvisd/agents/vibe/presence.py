"""What Mistral Vibe leaves beside its sessions: a lock for each that is open.

SESSIONS/active/SESSION.lock is locked by flock as long as a process has the session
open. It is removed at every orderly end and stays after SIGKILL, unlocked. Measured on
version 3.0.2.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from jarvisd.agents._shared.presence import name_of, session_id_of
from jarvisd.core.origin import SessionId
from jarvisd.core.presence_evidence import Evidence, Locks
from jarvisd.core.process import ProcessRole

_PYTHON = re.compile(r"python[\d.]*")
_ROLES = {"vibe": ProcessRole.TALKS, "vibe-acp": ProcessRole.SERVES}
_PRINTING = {"-p", "--prompt"}
_LOCK = ".lock"


def folder(root: Path) -> Path | None:
    """Return the folder of locks inside a folder of sessions."""
    return root / "active"


def session_of(name: str) -> SessionId | None:
    """Return the session whose lock the file *name* is."""
    if not name.endswith(_LOCK):
        return None

    return session_id_of(name.removesuffix(_LOCK))


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is another program."""
    is_script = len(argv) > 1 and _PYTHON.fullmatch(name_of(argv[0])) is not None
    program, *arguments = argv[1:] if is_script else (argv or [""])
    found = _ROLES.get(name_of(program))
    if found is ProcessRole.TALKS and not _PRINTING.isdisjoint(arguments):
        return ProcessRole.ONCE

    return found


EVIDENCE = Evidence(role=role, locks=Locks(folder=folder, session_of=session_of))
