"""Where opencode keeps its sessions.

`opencode.db`, or `opencode-CHANNEL.db` of other release channels, in the data folder:
`OPENCODE_DATA_DIR`, or `opencode` below `XDG_DATA_HOME` or `~/.local/share`, also on
macOS. `OPENCODE_DB` names another file. Versions before February 2026 wrote documents,
which stay where they were:

    storage/session/PROJECT/SESSION.json     title, folder and parent of a session
    storage/message/SESSION/MESSAGE.json     a message with its counts
    storage/part/MESSAGE/PART.json           its parts, which are not read
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, listed
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_NAME = re.compile(r"opencode(?:-[\w.-]+)?\.db")
_LOGS = ("-wal", "-journal")
_JSON = ".json"


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = listed(environ, "OPENCODE_DATA_DIR", home) or (
        data_folder(environ, home) / "opencode",
    )
    roots = distinct((*own, *configured))
    trees = [database_tree("opencode", root, place) for root in roots]
    trees += named_trees("opencode", own[0], environ.get("OPENCODE_DB", ""))
    return (*trees, *(tree for root in roots for tree in _storage_trees(root)))


def data_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Return the folder in which programs keep their data."""
    named = environ.get("XDG_DATA_HOME", "")
    return Path(named) if named.startswith("/") else home / ".local" / "share"


def database_tree(
    agent: str, root: Path, place: Callable[[tuple[str, ...]], Place | None]
) -> Tree:
    """Return the tree of the databases in the folder *root* itself."""
    kind = SourceKind(open=open_database, beside=_LOGS)
    return Tree(agent=agent, root=root, place=place, enters=enters_none, kind=kind)


def place(parts: tuple[str, ...]) -> Place | None:
    """Return that a database is one; its rows name their sessions."""
    return Place() if len(parts) == 1 and _NAME.fullmatch(parts[0]) else None


def open_database(path: str, clock: Clock, cursor: bytes) -> Source:
    """Open the database at *path*."""
    from jarvisd.agents.opencode.queries import QUERIES  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.sqlite.database_source import (  # noqa: PLC0415 - loaded at first use
        DatabaseSource,
    )

    return DatabaseSource(path, QUERIES, clock, cursor)


def named_trees(agent: str, folder: Path, named: str) -> tuple[Tree, ...]:
    """Return the tree of the database that is *named*, if one is: absolute, or below *folder*."""
    path = folder / named

    def place_of(parts: tuple[str, ...]) -> Place | None:
        return Place() if parts == (path.name,) else None

    is_file = named not in {"", ":memory:"}
    return (database_tree(agent, path.parent, place_of),) if is_file else ()


def _storage_trees(root: Path) -> tuple[Tree, ...]:
    """Return the trees of older documents below the data folder *root*."""
    folder = root if root.name == "storage" else root / "storage"
    return (
        Tree(
            agent="opencode",
            root=folder / "message",
            place=message_place,
            enters=enters_one,
            kind=SourceKind(open=open_messages, is_folder=True),
        ),
        Tree(
            agent="opencode",
            root=folder / "session",
            place=session_place,
            enters=enters_one,
            kind=SourceKind(open=open_session),
        ),
    )


def message_place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of a message's document, or None for any other file."""
    if len(parts) != 2 or not _is_message(parts[1]):
        return None

    return Place(session_id=SessionId(parts[0]))


def session_place(parts: tuple[str, ...]) -> Place | None:
    """Return the session that a document at *parts* describes, or None."""
    if len(parts) != 2 or not parts[1].endswith(_JSON):
        return None

    return Place(session_id=SessionId(parts[1].removesuffix(_JSON)))


def _is_message(name: str) -> bool:
    return name.startswith("msg_") and name.endswith(_JSON)


def enters_none(parts: tuple[str, ...]) -> bool:
    """Whether databases may lie in the folder *parts*: only in the data folder itself."""
    return not parts


def enters_one(parts: tuple[str, ...]) -> bool:
    """Whether documents may lie in the folder *parts*: one level below."""
    return len(parts) < 2


def open_messages(path: str, clock: Clock, cursor: bytes) -> Source:
    """Open the folder *path* with the messages of a session."""
    from jarvisd.core.sources.document.description import (  # noqa: PLC0415 - loaded at first use
        FolderKind,
    )
    from jarvisd.core.sources.document.event_folder import (  # noqa: PLC0415 - loaded at first use
        EventFolder,
    )

    return EventFolder(path, FolderKind(_is_message), clock, cursor)


def open_session(path: str, clock: Clock, cursor: bytes) -> Source:
    """Open the document of a session at *path*."""
    from jarvisd.agents.opencode.storage import SESSION  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.document_source import (  # noqa: PLC0415 - loaded at first use
        DocumentSource,
    )

    return DocumentSource(path, SESSION, clock, cursor)
