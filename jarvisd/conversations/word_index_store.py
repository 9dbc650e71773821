"""The index of the words of messages: told of each row that comes, changes or goes.

FTS5 with the text in another table must be given the old text to forget it, so a row's
words are dropped before the row is. https://sqlite.org/fts5.html, part 4.4.3
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

from jarvisd.core.storage.multi_insert import put

MERGE_PAGES: Final = 200
"""Pages of the index merged in one transaction: a few ms."""

_ADD: Final = "INSERT INTO message_text (rowid, content) VALUES (?, ?)"
_DROP: Final = """
INSERT INTO message_text (message_text, rowid, content)
SELECT 'delete', message_key, content FROM conversation_message WHERE """


def add_words(raw: sqlite3.Connection, message_key: int, content: str) -> None:
    """Index the words of a new message."""
    raw.execute(_ADD, (message_key, content))


def put_words(raw: sqlite3.Connection, rows: Iterable[tuple[int, str]]) -> None:
    """Index the words of new messages, given as key and text."""
    put(raw, _ADD, rows)


def delete_messages(raw: sqlite3.Connection, where: str, *values: object) -> int:
    """Delete messages, words first; say how many. *where* is a condition of ours."""
    raw.execute(_DROP + where, values)
    delete = f"DELETE FROM conversation_message WHERE {where}"  # noqa: S608 - ours
    return raw.execute(delete, values).rowcount


def replace_content(raw: sqlite3.Connection, message_key: int, content: str) -> None:
    """Replace the text of a message."""
    raw.execute(f"{_DROP} message_key = ?", (message_key,))
    replace = "UPDATE conversation_message SET content = ? WHERE message_key = ?"
    raw.execute(replace, (content, message_key))
    add_words(raw, message_key, content)


def merge_words(raw: sqlite3.Connection) -> bool:
    """Drop removed words from a part of the index; say whether more is to be done."""
    before = raw.total_changes
    merge = "INSERT INTO message_text (message_text, rank) VALUES ('merge', ?)"
    raw.execute(merge, (-MERGE_PAGES,))
    # https://sqlite.org/fts5.html, the merge command: fewer than two changes, no work
    return raw.total_changes - before >= 2
