"""Messages of conversations: saved, recorded, folded, read. See `conversations`.

Saving costs the same whatever is there: counts are columns, and folding, which comes
after every fifty messages, reads its half by an index.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from jarvisd.conversations import folding
from jarvisd.conversations.model import (
    ConversationId,
    ConversationLimits,
    MessageId,
    MessageView,
    Metadata,
    Recorded,
    oldest_ms,
)
from jarvisd.conversations.store import as_metadata, create, key_of, lenient_text
from jarvisd.conversations.word_index_store import add_words, delete_messages
from jarvisd.core.feature import Tx
from jarvisd.core.message import Role

MAX_ANSWER_CHARS: Final = 1 << 20
"""Of the messages of one answer, whose newest are given."""

_COUNTED: Final = """
SELECT conversation_key, message_count FROM conversation WHERE conversation_id = ?
"""
_INSERT: Final = """
INSERT INTO conversation_message
    (conversation_key, role, channel, at_ms, content, metadata)
VALUES (?, ?, ?, ?, ?, ?)
"""
_ORIGIN: Final = """
INSERT INTO message_origin (origin_key, message_key, conversation_key, session_id)
VALUES (?, ?, ?, ?)
"""
_COUNT: Final = """
UPDATE conversation SET message_count = message_count + 1, last_activity_ms = ?
WHERE conversation_key = ? RETURNING message_count
"""
_OLDEST: Final = """
SELECT message_key, role, content, folded, at_ms FROM conversation_message
WHERE conversation_key = ? ORDER BY message_key LIMIT ?
"""
_INSERT_SUMMARY: Final = """
INSERT INTO conversation_message
    (message_key, conversation_key, role, channel, at_ms, folded, content)
VALUES (?, ?, ?, '', ?, ?, ?)
"""
_FOLDED: Final = """
UPDATE conversation SET message_count = message_count - ?, folded_count = ?
WHERE conversation_key = ?
"""
_OF_PROJECT: Final = """
SELECT conversation_key FROM conversation WHERE project = ? AND last_activity_ms >= ?
ORDER BY last_activity_ms DESC LIMIT 1
"""
_MESSAGES: Final = """
SELECT message_key, role, content, channel, at_ms, folded, metadata
FROM conversation_message WHERE conversation_key = ? AND message_key < ?
ORDER BY message_key DESC LIMIT ?
"""


class NewMessage(NamedTuple):
    """A message to save. *origin* tells a repetition of it from a second message."""

    conversation_id: ConversationId
    role: Role
    content: str
    channel: str
    at_ms: int
    metadata: Metadata
    origin: int | None = None


class SavedMessage(NamedTuple):
    """What came of saving: the message's id, and how long the conversation is now."""

    message_id: MessageId
    message_count: int
    repeated: bool = False


class Folded(NamedTuple):
    """What came of folding: messages that went into the summary, and those left."""

    folded: int
    message_count: int


class MessagePage(NamedTuple):
    """Messages in the order in which they came; *more* are older than these."""

    messages: list[MessageView]
    more: bool


def save_message(
    raw: sqlite3.Connection, new: NewMessage, limits: ConversationLimits, now_ms: int
) -> SavedMessage | None:
    """Add a message, and fold if there are too many; None if nobody has that id."""
    row = raw.execute(_COUNTED, (new.conversation_id,)).fetchone()
    if row is None:
        return None

    key, count = row
    earlier = _earlier(raw, new.origin)
    if earlier is not None:
        return SavedMessage(earlier, count, repeated=True)

    saved = _add(raw, (key, *columns(new)), last_ms=now_ms, limits=limits)
    if new.origin is not None:
        raw.execute(_ORIGIN, (new.origin, saved.message_id, key, None))

    return saved


def columns(new: NewMessage) -> tuple[Any, ...]:
    """Return the columns of a message from its role to its metadata."""
    metadata = msgspec.json.encode(new.metadata).decode()
    return (new.role, new.channel, new.at_ms, new.content, metadata)


def record(
    tx: Tx, said: Iterable[Iterable[Recorded]], *, limits: ConversationLimits
) -> None:
    """Add what agents said, each message once, to the conversations of their projects.

    It comes block by block; what of one block cannot be stored is put aside.
    """
    for messages in said:
        with tx.known.part(tx.raw, "messages"):
            for each in messages:
                if _earlier(tx.raw, each.origin) is None:
                    _record(tx.raw, each, limits)


def consolidate(
    raw: sqlite3.Connection, id_: ConversationId, threshold: int
) -> Folded | None:
    """Fold the oldest half now, if it is worth it; None if nobody has that id."""
    row = raw.execute(_COUNTED, (id_,)).fetchone()
    if row is None:
        return None

    key, count = row
    half = folding.foldable(count, threshold)
    fold(raw, key, half)
    return Folded(half, count - half)


def read_messages(
    raw: sqlite3.Connection, id_: ConversationId, *, limit: int, before: int | None
) -> MessagePage | None:
    """Return the newest messages, or those *before* one; None if nobody has that id.

    The summary is the oldest of all: it comes on the last page.
    """
    with lenient_text(raw):
        key = key_of(raw, id_)
        if key is None:
            return None

        ceiling = 2**62 if before is None else before
        rows = raw.execute(_MESSAGES, (key, ceiling, limit + 1)).fetchall()

    kept = _within_room(rows[:limit])
    return MessagePage(
        [as_message(row) for row in reversed(kept)], len(kept) < len(rows)
    )


def as_message(row: tuple[Any, ...]) -> MessageView:
    """Return the message of a row as `_MESSAGES` selects it."""
    message_id, role, content, channel, at_ms, folded, metadata = row
    attached = as_metadata(metadata)
    return MessageView(
        message_id=message_id,
        role=role,
        content=content,
        channel=channel,
        at_ms=at_ms,
        folded=folded,
        metadata=attached or {},
        corrupt=attached is None,
    )


def fold(raw: sqlite3.Connection, key: int, half: int) -> None:
    """Fold the *half* oldest messages of a conversation into its summary."""
    if half <= 0:
        return

    with lenient_text(raw):
        rows = raw.execute(_OLDEST, (key, half + 1)).fetchall()

    before = None
    if rows[0][3]:
        before, rows = folding.Summary(rows[0][2], rows[0][3]), rows[1:]

    oldest = [folding.FoldedMessage(row[1], row[2]) for row in rows[:half]]
    newest_key, at_ms = rows[half - 1][0], rows[half - 1][4]
    summary = folding.fold(before, oldest)
    folded = "conversation_key = ? AND message_key <= ?"
    delete_messages(raw, folded, key, newest_key)
    _put_summary(raw, key, newest_key, at_ms, summary)
    raw.execute(_FOLDED, (half, summary.folded, key))


def _put_summary(
    raw: sqlite3.Connection, key: int, at_key: int, at_ms: int, summary: folding.Summary
) -> None:
    values = (at_key, key, Role.SYSTEM, at_ms, summary.folded, summary.content)
    raw.execute(_INSERT_SUMMARY, values)
    add_words(raw, at_key, summary.content)


def _earlier(raw: sqlite3.Connection, origin: int | None) -> MessageId | None:
    if origin is None:
        return None

    asked = "SELECT message_key FROM message_origin WHERE origin_key = ?"
    row = raw.execute(asked, (origin,)).fetchone()
    return None if row is None else MessageId(row[0])


def _add(
    raw: sqlite3.Connection,
    values: tuple[Any, ...],
    *,
    last_ms: int,
    limits: ConversationLimits,
) -> SavedMessage:
    message_id = raw.execute(_INSERT, values).lastrowid
    assert message_id is not None
    key, content = values[0], values[4]
    add_words(raw, message_id, content)
    count: int = raw.execute(_COUNT, (last_ms, key)).fetchone()[0]
    if folding.is_due(count, limits.threshold):
        half = folding.foldable(count, limits.threshold)
        fold(raw, key, half)
        count -= half

    return SavedMessage(MessageId(message_id), count)


def _record(raw: sqlite3.Connection, new: Recorded, limits: ConversationLimits) -> None:
    active = (new.project, oldest_ms(new.at_ms, limits.max_age_hours))
    row = raw.execute(_OF_PROJECT, active).fetchone()
    if row is None:
        user_id = f"project:{new.project}"
        key = create(raw, user_id, new.project, new.project, new.at_ms)
    else:
        key = row[0]

    last = "SELECT last_activity_ms FROM conversation WHERE conversation_key = ?"
    last_ms = max(new.at_ms, raw.execute(last, (key,)).fetchone()[0])
    values = (key, new.role, new.agent, new.at_ms, new.content, "{}")
    saved = _add(raw, values, last_ms=last_ms, limits=limits)
    raw.execute(_ORIGIN, (new.origin, saved.message_id, key, new.session_id))


def _within_room(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the first rows that fit into an answer, at least one."""
    room = MAX_ANSWER_CHARS
    for number, row in enumerate(rows):
        room -= len(row[2])
        if room < 0 and number:
            return rows[:number]

    return rows
