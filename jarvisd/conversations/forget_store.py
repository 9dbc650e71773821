"""Removes messages for good: rows, words of the index, and their bytes in the file.

Deleting a row leaves its bytes in free pages, its words in the index until that is
merged, and older pages in the write-ahead log. So deletions here overwrite
(secure_delete), the index is then merged completely in slices, and the log is emptied.
"""

import sqlite3
from typing import Final, NamedTuple

from jarvisd.conversations import folding
from jarvisd.conversations.model import ConversationId
from jarvisd.conversations.store import (
    delete_conversations,
    delete_messages,
    merge_words,
    replace_content,
)

_OF_SESSION: Final = """
SELECT DISTINCT conversation_key FROM message_origin WHERE session_id = ?
"""
_SAID: Final = """
folded = 0 AND message_key IN (
    SELECT message_key FROM message_origin WHERE session_id = ?
)
"""
# A summary may quote the session if one of the session's messages was folded into it.
_QUOTING_SUMMARY: Final = """
SELECT m.message_key, m.folded FROM conversation_message AS m
WHERE m.conversation_key = ? AND m.folded > 0 AND EXISTS (
    SELECT 1 FROM message_origin AS o
    WHERE o.conversation_key = m.conversation_key AND o.session_id = ?
    AND o.message_key <= m.message_key
)
"""
_COUNT: Final = """
SELECT count(*), ifnull(sum(message_count), 0), ifnull(sum(folded_count > 0), 0)
FROM conversation WHERE """
_RECOUNT: Final = """
UPDATE conversation SET message_count = (
    SELECT count(*) FROM conversation_message AS m
    WHERE m.conversation_key = conversation.conversation_key AND m.folded = 0
) WHERE conversation_key = ?
"""


class Removed(NamedTuple):
    """The numbers of removed rows; *summaries* lost their quotes, not their counts."""

    conversations: int = 0
    messages: int = 0
    summaries: int = 0

    def plus(self, other: "Removed") -> "Removed":
        """Return the sums of both."""
        return Removed(*(one + more for one, more in zip(self, other, strict=True)))


def forget_session(raw: sqlite3.Connection, session_id: str) -> Removed:
    """Remove all messages that were recorded from an agent's session."""
    _enable_secure_delete(raw)
    keys = [row[0] for row in raw.execute(_OF_SESSION, (session_id,)).fetchall()]
    messages = delete_messages(raw, _SAID, session_id)
    summaries = 0
    for key in keys:
        summary = raw.execute(_QUOTING_SUMMARY, (key, session_id)).fetchone()
        if summary is not None:
            message_key, folded = summary
            replace_content(raw, message_key, folding.without_quotes(folded).content)
            summaries += 1

    raw.execute("DELETE FROM message_origin WHERE session_id = ?", (session_id,))
    raw.executemany(_RECOUNT, [(key,) for key in keys])
    left = "SELECT EXISTS (SELECT 1 FROM message_origin WHERE conversation_key = ?)"
    emptied = [key for key in keys if not raw.execute(left, (key,)).fetchone()[0]]
    for key in emptied:
        delete_conversations(raw, "conversation_key = ?", key)

    return Removed(len(emptied), messages, summaries)


def forget_conversation(raw: sqlite3.Connection, id_: ConversationId) -> Removed:
    """Remove one conversation."""
    return _forget(raw, "conversation_id = ?", id_)


def forget_project(raw: sqlite3.Connection, project: str) -> Removed:
    """Remove the conversations that were recorded in a project's folder."""
    return _forget(raw, "project = ?", project)


def forget_slice(raw: sqlite3.Connection, limit: int) -> Removed:
    """Remove up to *limit* arbitrary conversations; none are left if none were removed."""
    some = "conversation_key IN (SELECT conversation_key FROM conversation LIMIT ?)"
    return _forget(raw, some, limit)


def merge_index_slice(raw: sqlite3.Connection) -> bool:
    """Merge a part of the index, without removed words; return True if more is left."""
    _enable_secure_delete(raw)
    return merge_words(raw)


def _forget(raw: sqlite3.Connection, where: str, value: object) -> Removed:
    _enable_secure_delete(raw)
    found = Removed(*raw.execute(_COUNT + where, (value,)).fetchone())
    delete_conversations(raw, where, value)
    return found


def _enable_secure_delete(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA secure_delete = ON")
