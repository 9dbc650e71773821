"""SQL of conversations: found, created, linked, listed, and removed when old.

Each function is one unit of work for `Store.apply` or, if it only reads, for
`Store.read`. An unknown id or a conflict is a result, not an exception.

The full-text index of messages is changed with each row. An FTS5 table with external
content needs the old text to remove it, so the words of a row are removed before the
row. See https://sqlite.org/fts5.html, section 4.4.3.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from jarvisd.conversations.model import (
    Channel,
    ConversationId,
    ConversationLimits,
    ConversationView,
    Metadata,
)
from jarvisd.core.storage.multi_insert import execute_many

DECAY_SLICE: Final = 8
"""Conversations removed in one transaction: at 100 messages each about 15 ms, for which
a flush or a client's message waits."""

_SELECT: Final = """
SELECT conversation_id, user_id, display_name, project,
    (SELECT json_group_array(json_object(
        'channel', channel, 'channel_user_id', channel_user_id))
     FROM channel_link AS l WHERE l.conversation_key = c.conversation_key),
    created_ms, last_activity_ms, message_count, folded_count, metadata
FROM conversation AS c
"""
_NEWEST: Final = """
SELECT conversation_key, last_activity_ms FROM conversation WHERE user_id = ?
ORDER BY last_activity_ms DESC, conversation_key DESC LIMIT 1
"""
_OF_CHANNEL: Final = """
SELECT c.conversation_key, c.last_activity_ms, c.user_id
FROM channel_link AS l JOIN conversation AS c USING (conversation_key)
WHERE l.channel = ? AND l.channel_user_id = ?
"""
_INSERT: Final = """
INSERT INTO conversation
    (conversation_id, user_id, display_name, project, created_ms, last_activity_ms)
VALUES (?, ?, ?, ?, ?, ?) RETURNING conversation_key
"""
_LINK: Final = """
INSERT INTO channel_link (channel, channel_user_id, conversation_key) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET conversation_key = excluded.conversation_key
"""
_OVER: Final = """
conversation_key IN (
    SELECT conversation_key FROM conversation WHERE last_activity_ms < ?
    ORDER BY last_activity_ms LIMIT ?
)
"""


class Person(NamedTuple):
    """The person who opens a conversation; absent fields are None."""

    user_id: str
    channel: Channel | None = None
    display_name: str | None = None
    metadata: Metadata | None = None


class FoundConversation(NamedTuple):
    """A conversation, and whether it was just created."""

    conversation: ConversationView
    created: bool


class LinkResult(NamedTuple):
    """The result of linking a channel.

    It is refused if the channel belongs to the conversation *taken_by*; *conversation*
    is None then, and for an unknown id.
    """

    conversation: ConversationView | None
    taken_by: ConversationId | None = None
    moved_from: ConversationId | None = None


def get_or_create(
    raw: sqlite3.Connection, person: Person, limits: ConversationLimits, now_ms: int
) -> FoundConversation:
    """Return the conversation of *person*; create one if there is none or it is over.

    The channel identifies the person, rather than the user's id. The channels of a
    conversation that is over move to its successor. The call is no activity.
    """
    key, user_id, over = _find_current(raw, person, limits.oldest_ms(now_ms))
    created = key is None
    if key is None:
        key = insert_conversation(raw, user_id, person.display_name or "", None, now_ms)

    # Otherwise the person's other channels would still lead to the old conversation.
    if over is not None:
        hand_over = (
            "UPDATE channel_link SET conversation_key = ? WHERE conversation_key = ?"
        )
        raw.execute(hand_over, (key, over))

    if person.channel is not None:
        raw.execute(_LINK, (*_pair(person.channel), key))

    if person.display_name is not None:
        rename = "UPDATE conversation SET display_name = ? WHERE conversation_key = ?"
        raw.execute(rename, (person.display_name, key))

    if person.metadata is not None:
        text = msgspec.json.encode(person.metadata).decode()
        replace = "UPDATE conversation SET metadata = ? WHERE conversation_key = ?"
        raw.execute(replace, (text, key))

    return FoundConversation(_view(raw, key), created)


def _find_current(
    raw: sqlite3.Connection, person: Person, oldest_ms: int
) -> tuple[int | None, str, int | None]:
    """Return the current conversation, its user, and one that is over, if any."""
    user_id, over = person.user_id, None
    if person.channel is not None:
        linked = raw.execute(_OF_CHANNEL, _pair(person.channel)).fetchone()
        if linked is not None and linked[1] >= oldest_ms:
            return linked[0], linked[2], None

        # The channel's conversation is over, but its user may have a newer one.
        if linked is not None:
            over, user_id = linked[0], linked[2]

    newest = raw.execute(_NEWEST, (user_id,)).fetchone()
    if newest is None:
        return None, user_id, over

    key, last_ms = newest
    return (key, user_id, over) if last_ms >= oldest_ms else (None, user_id, key)


def insert_conversation(
    raw: sqlite3.Connection, user_id: str, name: str, project: str | None, at_ms: int
) -> int:
    """Insert a conversation that starts at *at_ms*, Unix ms, and return its key."""
    id_ = secrets.token_hex(8)
    values = (id_, user_id, name, project, at_ms, at_ms)
    row: tuple[int] = raw.execute(_INSERT, values).fetchone()
    return row[0]


def link_channel(
    raw: sqlite3.Connection, id_: ConversationId, channel: Channel, *, move: bool
) -> LinkResult:
    """Link *channel* to a conversation; *move* allows to take it from another one."""
    key = key_of(raw, id_)
    if key is None:
        return LinkResult(None)

    linked = raw.execute(_OF_CHANNEL, _pair(channel)).fetchone()
    other = None
    if linked is not None and linked[0] != key:
        query = "SELECT conversation_id FROM conversation WHERE conversation_key = ?"
        other = ConversationId(raw.execute(query, (linked[0],)).fetchone()[0])

    if other is not None and not move:
        return LinkResult(None, taken_by=other)

    raw.execute(_LINK, (*_pair(channel), key))
    return LinkResult(_view(raw, key), moved_from=other)


def resolve(raw: sqlite3.Connection, channel: Channel) -> ConversationView | None:
    """Return the conversation that *channel* is linked to."""
    with lenient_text(raw):
        linked = raw.execute(_OF_CHANNEL, _pair(channel)).fetchone()
        return linked and _view(raw, linked[0])


def find(raw: sqlite3.Connection, id_: ConversationId) -> ConversationView | None:
    """Return one conversation by its id."""
    with lenient_text(raw):
        row = raw.execute(f"{_SELECT} WHERE conversation_id = ?", (id_,)).fetchone()
        return None if row is None else _as_view(row)


def list_conversations(
    raw: sqlite3.Connection, *, since_ms: int | None, limit: int
) -> list[ConversationView]:
    """Return conversations active at *since_ms* or later, newest activity first."""
    order = "ORDER BY last_activity_ms DESC, conversation_key DESC LIMIT ?"
    query = f"{_SELECT} WHERE last_activity_ms >= ? {order}"
    oldest = -(2**62) if since_ms is None else since_ms
    with lenient_text(raw):
        return [_as_view(row) for row in raw.execute(query, (oldest, limit))]


def decay_slice(raw: sqlite3.Connection, *, before_ms: int) -> int:
    """Remove some conversations without activity since *before_ms*, Unix ms.

    Their messages, links and words are removed as well. Return the number; 0 means
    that none are left to remove.
    """
    return delete_conversations(raw, _OVER, before_ms, DECAY_SLICE)


def delete_conversations(raw: sqlite3.Connection, where: str, *values: object) -> int:
    """Delete conversations with their messages, links and words; return their number.

    *where* is a condition in SQL on columns of the table, never a client's text.
    """
    chosen = f"SELECT conversation_key FROM conversation WHERE {where}"  # noqa: S608 - *where* is ours
    delete_messages(raw, f"conversation_key IN ({chosen})", *values)
    delete = f"DELETE FROM conversation WHERE {where}"  # noqa: S608 - *where* is ours
    return raw.execute(delete, values).rowcount


def key_of(raw: sqlite3.Connection, id_: ConversationId) -> int | None:
    """Return the key of the conversation *id_*, or None."""
    query = "SELECT conversation_key FROM conversation WHERE conversation_id = ?"
    row = raw.execute(query, (id_,)).fetchone()
    return None if row is None else row[0]


@contextmanager
def lenient_text(raw: sqlite3.Connection) -> Iterator[None]:
    """Replace invalid UTF-8 while the context lasts, instead of failing the query.

    A damaged row would make all rows of its query unreadable otherwise.
    """
    raw.text_factory = _decode_leniently
    try:
        yield
    finally:
        raw.text_factory = str


def as_metadata(text: str) -> Metadata | None:
    """Return decoded metadata, or None if the stored text is damaged."""
    if text == "{}":
        return {}

    try:
        return msgspec.json.decode(text, type=Metadata)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _decode_leniently(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _pair(channel: Channel) -> tuple[str, str]:
    return channel.channel, channel.channel_user_id


def _view(raw: sqlite3.Connection, key: int) -> ConversationView:
    with lenient_text(raw):
        query = f"{_SELECT} WHERE c.conversation_key = ?"
        return _as_view(raw.execute(query, (key,)).fetchone())


def _as_view(row: tuple[Any, ...]) -> ConversationView:
    id_, user_id, name, project, channels, created, last, count, folded, metadata = row
    links, attached = _channels(channels), as_metadata(metadata)
    return ConversationView(
        conversation_id=id_,
        user_id=user_id,
        display_name=name,
        project=project,
        channels=links or [],
        created_ms=created,
        last_activity_ms=last,
        message_count=count,
        folded_count=folded,
        metadata=attached or {},
        corrupt=links is None or attached is None,
    )


def _channels(text: str) -> list[Channel] | None:
    try:
        return msgspec.json.decode(text, type=list[Channel])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


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
