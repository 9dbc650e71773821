"""Conversations and who takes part: found, made, linked, listed, and gone when old.

Each function is one unit of work for `Store.apply` or, where it only looks, for
`Store.read`. What cannot be is an answer (None, a conflict), not an exception.
"""

import secrets
import sqlite3
from collections.abc import Iterator
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
from jarvisd.conversations.word_index_store import delete_messages

DECAY_SLICE: Final = 8
"""Conversations removed in one transaction: at 100 messages each some 15 ms, in which
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
    """Who asks for a conversation; absent is None."""

    user_id: str
    channel: Channel | None = None
    display_name: str | None = None
    metadata: Metadata | None = None


class FoundConversation(NamedTuple):
    """A conversation, and whether it has just been made."""

    conversation: ConversationView
    created: bool


class Linked(NamedTuple):
    """What came of linking: *taken_by* is the other one that a refusal is about."""

    conversation: ConversationView | None
    taken_by: ConversationId | None = None
    moved_from: ConversationId | None = None


def get_or_create(
    raw: sqlite3.Connection, person: Person, limits: ConversationLimits, now_ms: int
) -> FoundConversation:
    """Return the conversation of *person*, a new one if there is none or it is over.

    The channel says who it is, before the user's id does. A conversation that is over
    hands its channels to the one that follows it. Asking is no activity.
    """
    key, user_id, over = _known(raw, person, limits.oldest_ms(now_ms))
    created = key is None
    if key is None:
        key = create(raw, user_id, person.display_name or "", None, now_ms)

    if over is not None:
        hand_over = (
            "UPDATE channel_link SET conversation_key = ? WHERE conversation_key = ?"
        )
        raw.execute(hand_over, (key, over))

    _tell_more(raw, key, person)
    return FoundConversation(_view(raw, "c.conversation_key = ?", key), created)


def _known(
    raw: sqlite3.Connection, person: Person, oldest_ms: int
) -> tuple[int | None, str, int | None]:
    """Return the conversation to go on with, whose it is, and one that is over."""
    user_id, over = person.user_id, None
    if person.channel is not None:
        linked = raw.execute(_OF_CHANNEL, _pair(person.channel)).fetchone()
        if linked is not None and linked[1] >= oldest_ms:
            return linked[0], linked[2], None

        if linked is not None:
            over, user_id = linked[0], linked[2]

    newest = raw.execute(_NEWEST, (user_id,)).fetchone()
    if newest is None:
        return None, user_id, over

    key, last_ms = newest
    return (key, user_id, over) if last_ms >= oldest_ms else (None, user_id, key)


def create(
    raw: sqlite3.Connection, user_id: str, name: str, project: str | None, at_ms: int
) -> int:
    """Make a conversation that begins at *at_ms*, and return its number."""
    id_ = secrets.token_hex(8)
    values = (id_, user_id, name, project, at_ms, at_ms)
    row: tuple[int] = raw.execute(_INSERT, values).fetchone()
    return row[0]


def _tell_more(raw: sqlite3.Connection, key: int, person: Person) -> None:
    if person.channel is not None:
        raw.execute(_LINK, (*_pair(person.channel), key))

    if person.display_name is not None:
        rename = "UPDATE conversation SET display_name = ? WHERE conversation_key = ?"
        raw.execute(rename, (person.display_name, key))

    if person.metadata is not None:
        text = msgspec.json.encode(person.metadata).decode()
        replace = "UPDATE conversation SET metadata = ? WHERE conversation_key = ?"
        raw.execute(replace, (text, key))


def link_channel(
    raw: sqlite3.Connection, id_: ConversationId, channel: Channel, *, move: bool
) -> Linked:
    """Bind *channel* to a conversation; from another one only if told to *move* it."""
    key = key_of(raw, id_)
    if key is None:
        return Linked(None)

    holder = raw.execute(_OF_CHANNEL, _pair(channel)).fetchone()
    other = None if holder is None or holder[0] == key else _id_of(raw, holder[0])
    if other is not None and not move:
        return Linked(None, taken_by=other)

    raw.execute(_LINK, (*_pair(channel), key))
    return Linked(_view(raw, "c.conversation_key = ?", key), moved_from=other)


def resolve(raw: sqlite3.Connection, channel: Channel) -> ConversationView | None:
    """Return the conversation that *channel* is linked to."""
    with lenient_text(raw):
        holder = raw.execute(_OF_CHANNEL, _pair(channel)).fetchone()
        return holder and _view(raw, "c.conversation_key = ?", holder[0])


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
    asked = f"{_SELECT} WHERE last_activity_ms >= ? {order}"
    oldest = -(2**62) if since_ms is None else since_ms
    with lenient_text(raw):
        return [_as_view(row) for row in raw.execute(asked, (oldest, limit))]


def decay_slice(raw: sqlite3.Connection, *, before_ms: int) -> int:
    """Remove some conversations without activity since *before_ms*; say how many.

    Messages, links and words go with them. Nothing is left to remove when it is 0.
    """
    return delete_conversations(raw, _OVER, before_ms, DECAY_SLICE)


def delete_conversations(raw: sqlite3.Connection, where: str, *values: object) -> int:
    """Delete conversations with all that is of them; say how many.

    *where* is a condition of ours on `conversation_key` or what the table has.
    """
    chosen = f"SELECT conversation_key FROM conversation WHERE {where}"  # noqa: S608 - *where* is ours
    delete_messages(raw, f"conversation_key IN ({chosen})", *values)
    delete = f"DELETE FROM conversation WHERE {where}"  # noqa: S608 - *where* is ours
    return raw.execute(delete, values).rowcount


def key_of(raw: sqlite3.Connection, id_: ConversationId) -> int | None:
    """Return the number of the conversation *id_*."""
    asked = "SELECT conversation_key FROM conversation WHERE conversation_id = ?"
    row = raw.execute(asked, (id_,)).fetchone()
    return None if row is None else row[0]


@contextmanager
def lenient_text(raw: sqlite3.Connection) -> Iterator[None]:
    """Read text that is no UTF-8 as far as it is, so that it harms its own row only."""
    raw.text_factory = _decoded
    try:
        yield
    finally:
        raw.text_factory = str


def as_metadata(text: str) -> Metadata | None:
    """Return what a client attached; None if what is stored is damaged."""
    if text == "{}":
        return {}

    try:
        return msgspec.json.decode(text, type=Metadata)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _id_of(raw: sqlite3.Connection, key: int) -> ConversationId:
    asked = "SELECT conversation_id FROM conversation WHERE conversation_key = ?"
    return ConversationId(raw.execute(asked, (key,)).fetchone()[0])


def _pair(channel: Channel) -> tuple[str, str]:
    return channel.channel, channel.channel_user_id


def _view(raw: sqlite3.Connection, where: str, value: object) -> ConversationView:
    with lenient_text(raw):
        return _as_view(raw.execute(f"{_SELECT} WHERE {where}", (value,)).fetchone())


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
