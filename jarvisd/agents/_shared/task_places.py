"""Where editor extensions that are made after Cline keep their tasks.

`STORAGE/tasks/TASK/ui_messages.json`, with `api_conversation_history.json` and
`task_metadata.json` beside it, where STORAGE is the folder of the extension in the
data of the editor.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

MESSAGES = "ui_messages.json"
HISTORY = "api_conversation_history.json"
METADATA = "task_metadata.json"
_DOCUMENTS = {MESSAGES, HISTORY, METADATA}
_NAME = re.compile(r"[0-9A-Za-z_-]{1,128}")
_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
_SERVERS = (".vscode-server", ".vscode-server-insiders", ".cursor-server")


def task_trees(
    agent: str,
    extension: str,
    environ: Mapping[str, str],
    home: Path,
    further: tuple[Path, ...],
) -> tuple[Tree, ...]:
    """Return the trees of the tasks of *extension*, in all editors and in *further*."""
    config = environ.get("XDG_CONFIG_HOME", "").strip()
    bases = (
        Path(config) if config else home / ".config",
        home / "Library" / "Application Support",
    )
    users = [base / each / "User" for base in bases for each in _EDITORS]
    users += [home / each / "data" / "User" for each in _SERVERS]
    own = (each / "globalStorage" / extension / "tasks" for each in users)
    named = (each if each.name == "tasks" else each / "tasks" for each in further)
    return tuple(
        Tree(agent=agent, root=root, place=place, enters=enters, kind=KIND)
        for root in distinct((*own, *named))
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the task of the document at *parts*, or None for another file."""
    if len(parts) != 2 or parts[1] not in _DOCUMENTS or not _NAME.fullmatch(parts[0]):
        return None

    return Place(session_id=SessionId(parts[0]))


def enters(parts: tuple[str, ...]) -> bool:
    """Whether tasks may lie in the folder *parts* or deeper."""
    return len(parts) < 2


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents._shared.task_shape import TASK  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.session_folder import (  # noqa: PLC0415 - loaded at first use
        SessionFolder,
    )

    return SessionFolder(path, TASK, clock, cursor)


KIND = SourceKind(open=_open, is_folder=True, title="documents")
