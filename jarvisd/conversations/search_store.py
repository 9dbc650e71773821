"""Searches messages by words and by the folder of their project."""

import re
import sqlite3
from typing import Final, NamedTuple

from jarvisd.conversations.messages_store import as_message
from jarvisd.conversations.model import ConversationId, MessageView
from jarvisd.conversations.store import lenient_text

_COLUMNS: Final = """
m.message_key, m.role, m.content, m.channel, m.at_ms, m.folded, m.metadata,
c.conversation_id, c.project
"""
_EVERYWHERE: Final = f"""
SELECT {_COLUMNS} FROM message_text AS t
JOIN conversation_message AS m ON m.message_key = t.rowid
JOIN conversation AS c USING (conversation_key)
WHERE message_text MATCH ? ORDER BY t.rowid DESC LIMIT ?
"""  # noqa: S608 - the columns above
_NEWEST: Final = f"""
SELECT {_COLUMNS} FROM conversation_message AS m
JOIN conversation AS c USING (conversation_key)
ORDER BY m.message_key DESC LIMIT ?
"""  # noqa: S608 - the columns above
# CROSS JOIN makes SQLite join in this order: a project has a few hundred messages, but
# a common word may occur in millions.
_IN_PROJECT: Final = f"""
SELECT {_COLUMNS} FROM conversation AS c
CROSS JOIN conversation_message AS m USING (conversation_key)
CROSS JOIN message_text AS t
WHERE c.project = ? AND t.rowid = m.message_key AND t.message_text MATCH ?
ORDER BY m.message_key DESC LIMIT ?
"""  # noqa: S608 - the columns above
_NEWEST_IN_PROJECT: Final = f"""
SELECT {_COLUMNS} FROM conversation AS c
CROSS JOIN conversation_message AS m USING (conversation_key)
WHERE c.project = ? ORDER BY m.message_key DESC LIMIT ?
"""  # noqa: S608 - the columns above
_WORD = re.compile(r"\w+")


class Hit(NamedTuple):
    """A message with its conversation and project."""

    message: MessageView
    conversation_id: ConversationId
    project: str | None


def search(
    raw: sqlite3.Connection, *, words: str, folder: str | None, limit: int
) -> list[Hit]:
    """Return the newest messages that contain all *words*, newest first.

    *folder* restricts them to the projects in it or, if there are none, to the
    innermost project that contains it.
    """
    match = match_of(words)
    if words.strip() and not match:
        return []

    with lenient_text(raw):
        if folder is None and match:
            return [_hit(row) for row in raw.execute(_EVERYWHERE, (match, limit))]

        if folder is None:
            return [_hit(row) for row in raw.execute(_NEWEST, (limit,))]

        known, here = projects(raw), _as_prefix(folder)
        below = [each for each in known if _as_prefix(each).startswith(here)]
        above = [each for each in known if here.startswith(_as_prefix(each))]
        hits = []
        for project in below or sorted(above, key=len)[-1:]:
            if match:
                found = raw.execute(_IN_PROJECT, (project, match, limit))
            else:
                found = raw.execute(_NEWEST_IN_PROJECT, (project, limit))

            hits += [_hit(row) for row in found]

    hits.sort(key=lambda hit: hit.message.message_id, reverse=True)
    return hits[:limit]


def match_of(words: str) -> str:
    """Return the FTS5 expression for all of *words*, quoted, so without operators."""
    return " ".join(f'"{each}"' for each in _WORD.findall(words))


def projects(raw: sqlite3.Connection) -> list[str]:
    """Return the folders of all recorded conversations."""
    query = "SELECT DISTINCT project FROM conversation WHERE project IS NOT NULL"
    return [row[0] for row in raw.execute(query)]


def _as_prefix(folder: str) -> str:
    return f"{folder.rstrip('/')}/"


def _hit(row: tuple[object, ...]) -> Hit:
    *message, conversation_id, project = row
    assert isinstance(conversation_id, str), "conversation_id is TEXT NOT NULL"
    assert project is None or isinstance(project, str), "project is TEXT or NULL"
    return Hit(as_message(tuple(message)), ConversationId(conversation_id), project)
