"""The full-text index of messages, updated with each row.

An FTS5 table with external content needs the old text to remove it, so the words of a
row are removed before the row. See https://sqlite.org/fts5.html, section 4.4.3.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

from jarvisd.core.storage.multi_insert import execute_many

MERGE_PAGES: Final = 200
"""Pages of the index that are merged in one transaction: a few ms."""

_ADD: Final = "INSERT INTO message_text (rowid, content) VALUES (?, ?)"
_DROP: Final = """
INSERT INTO message_text (message_text, rowid, content)
SELECT 'delete', message_key, content FROM conversation_message WHERE """


def add_words(raw: sqlite3.Connection, message_key: int, content: str) -> None:
    """Add the words of a new message to the index."""
    raw.execute(_ADD, (message_key, content))


def add_words_of(raw: sqlite3.Connection, rows: Iterable[tuple[int, str]]) -> None:
    """Add the words of new messages to the index: pairs of key and text."""
    execute_many(raw, _ADD, rows)


def delete_messages(raw: sqlite3.Connection, where: str, *values: object) -> int:
    """Delete messages and their words; return their number.

    *where* is a condition in SQL, never a client's text.
    """
    raw.execute(_DROP + where, values)
    delete = f"DELETE FROM conversation_message WHERE {where}"  # noqa: S608 - ours
    return raw.execute(delete, values).rowcount


def replace_content(raw: sqlite3.Connection, message_key: int, content: str) -> None:
    """Replace the text of a message, and its words in the index."""
    raw.execute(f"{_DROP} message_key = ?", (message_key,))
    replace = "UPDATE conversation_message SET content = ? WHERE message_key = ?"
    raw.execute(replace, (content, message_key))
    add_words(raw, message_key, content)


def merge_words(raw: sqlite3.Connection) -> bool:
    """Merge a part of the index, without removed words; return True if more is left."""
    before = raw.total_changes
    merge = "INSERT INTO message_text (message_text, rank) VALUES ('merge', ?)"
    raw.execute(merge, (-MERGE_PAGES,))
    # https://sqlite.org/fts5.html, the merge command: fewer than two changes mean that
    # there was nothing to merge.
    return raw.total_changes - before >= 2
