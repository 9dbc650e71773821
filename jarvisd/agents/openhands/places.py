"""Where OpenHands keeps its conversations.

`ROOT/CONVERSATION/base_state.json` and `ROOT/CONVERSATION/events/event-NUMBER-ID.json`,
and the same for each subagent in `ROOT/CONVERSATION/subagents/CONVERSATION`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

STATE = "base_state.json"
EVENTS = "events"
_CONVERSATIONS = "conversations"
_SUBAGENTS = "subagents"
_EVENT = re.compile(r"event-\d+-[0-9a-f-]+\.json")
_NAME = re.compile(r"[0-9A-Za-z_-]{1,128}")
_MAX_DEPTH = 8
"""Folders of subagents of subagents, with their events."""


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of its own folder and of *configured* ones."""
    own = environ.get("OPENHANDS_CONVERSATIONS_DIR", "").strip()
    data = environ.get("OPENHANDS_PERSISTENCE_DIR", "").strip()
    folder = Path(data) if data else home / ".openhands"
    first = Path(own) if own else folder / _CONVERSATIONS
    further = (
        each if each.name == _CONVERSATIONS else each / _CONVERSATIONS
        for each in configured
    )
    return tuple(
        Tree(agent="openhands", root=root, place=place, enters=enters, kind=_KIND)
        for root in distinct((first, *further))
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the conversation of the file at *parts*, or None for another file."""
    if not parts:
        return None

    *folders, name = parts
    if folders[-1:] == [EVENTS] and is_event(name):
        del folders[-1]
    elif name != STATE:
        return None

    ids, between = folders[::2], folders[1::2]
    is_chain = len(folders) % 2 == 1 and set(between) <= {_SUBAGENTS}
    if not is_chain or not all(map(_NAME.fullmatch, ids)):
        return None

    parent = SessionId(ids[-2]) if len(ids) > 1 else None
    return Place(session_id=SessionId(ids[-1]), parent_session_id=parent)


def is_event(name: str) -> bool:
    """Whether the file *name* is an event."""
    return _EVENT.fullmatch(name) is not None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether conversations may lie in the folder *parts* or deeper."""
    if len(parts) > _MAX_DEPTH:
        return False

    return all(each in {_SUBAGENTS, EVENTS} for each in parts[1::2])


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents.openhands.shape import CONVERSATION  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.session_folder import (  # noqa: PLC0415 - loaded at first use
        SessionFolder,
    )

    return SessionFolder(path, CONVERSATION, clock, cursor)


_KIND = SourceKind(
    open=_open, is_folder=True, beside=(f"/{EVENTS}",), title="documents and events"
)
