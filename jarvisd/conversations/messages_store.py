"""SQL of messages: saved by clients, recorded from agents, folded and read.

Saving takes the same time whatever the size of a conversation: counts are columns, and
folding, which is due after every fifty messages, reads its half by an index.

The messages of many clients are saved by few statements. Each statement releases the
interpreter lock and waits to get it back (see `core/storage/multi_insert.py`), and a
message needs six of them. Messages of one transaction share statements, unless one needs
its own: a message with a key, which may be a repetition, or one that makes its
conversation too long.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import Any, Final, NamedTuple

import msgspec

from jarvisd.base.errors import StoreError
from jarvisd.conversations import folding
from jarvisd.conversations.model import (
    ConversationId,
    ConversationLimits,
    MessageId,
    MessageView,
    Metadata,
    RecordedMessage,
    oldest_ms,
)
from jarvisd.conversations.store import (
    add_words,
    add_words_of,
    as_metadata,
    delete_messages,
    insert_conversation,
    key_of,
    lenient_text,
)
from jarvisd.core.feature import Tx
from jarvisd.core.message import Role
from jarvisd.core.storage.database import run_in_savepoint
from jarvisd.core.storage.multi_insert import execute_many

MAX_ANSWER_CHARS: Final = 1 << 20
"""The total length of the messages in one answer; the newest that fit are returned."""

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
    """A message to save. *origin*, if given, identifies a repetition of it."""

    conversation_id: ConversationId
    role: Role
    content: str
    channel: str
    at_ms: int
    metadata: Metadata
    origin: int | None = None


class SavedMessage(NamedTuple):
    """The result of saving: the message's id, and the conversation's message count."""

    message_id: MessageId
    message_count: int
    repeated: bool = False


class Folded(NamedTuple):
    """The numbers of messages that were folded into the summary, and that are left."""

    folded: int
    message_count: int


class MessagePage(NamedTuple):
    """Messages in the order of arrival; *more* is True if there are older ones."""

    messages: list[MessageView]
    more: bool


def save_message(
    raw: sqlite3.Connection, new: NewMessage, limits: ConversationLimits, now_ms: int
) -> SavedMessage | None:
    """Add a message, and fold if there are too many; None if the id is unknown."""
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
    tx: Tx, said: Iterable[Iterable[RecordedMessage]], *, limits: ConversationLimits
) -> None:
    """Add messages of agents, each once, to the conversations of their projects.

    *said* has the messages of each block apart: those of a block that cannot be stored
    are put aside, and the others stored.
    """
    for messages in said:
        with tx.known.part(tx.raw, "messages"):
            for each in messages:
                if _earlier(tx.raw, each.origin) is None:
                    _record(tx.raw, each, limits)


def consolidate(
    raw: sqlite3.Connection, id_: ConversationId, threshold: int
) -> Folded | None:
    """Fold the oldest half if it is worth it; None if the id is unknown."""
    row = raw.execute(_COUNTED, (id_,)).fetchone()
    if row is None:
        return None

    key, count = row
    half = folding.fold_count(count, threshold)
    fold(raw, key, half)
    return Folded(half, count - half)


def read_messages(
    raw: sqlite3.Connection, id_: ConversationId, *, limit: int, before: int | None
) -> MessagePage | None:
    """Return the newest messages, or those *before* one; None if the id is unknown.

    The summary counts as the oldest message, so it is on the last page.
    """
    with lenient_text(raw):
        key = key_of(raw, id_)
        if key is None:
            return None

        ceiling = 2**62 if before is None else before
        rows = raw.execute(_MESSAGES, (key, ceiling, limit + 1)).fetchall()

    kept = rows[:limit]
    chars = MAX_ANSWER_CHARS
    for number, row in enumerate(kept):
        chars -= len(row[2])
        if chars < 0 and number:  # at least one, however long
            kept = kept[:number]
            break

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
    # The summary has the key of the newest folded message, so it sorts before the rest.
    values = (newest_key, key, Role.SYSTEM, at_ms, summary.folded, summary.content)
    raw.execute(_INSERT_SUMMARY, values)
    add_words(raw, newest_key, summary.content)
    raw.execute(_FOLDED, (half, summary.folded, key))


def _earlier(raw: sqlite3.Connection, origin: int | None) -> MessageId | None:
    if origin is None:
        return None

    query = "SELECT message_key FROM message_origin WHERE origin_key = ?"
    row = raw.execute(query, (origin,)).fetchone()
    return None if row is None else MessageId(row[0])


def _add(
    raw: sqlite3.Connection,
    values: tuple[Any, ...],
    *,
    last_ms: int,
    limits: ConversationLimits,
) -> SavedMessage:
    message_id = raw.execute(_INSERT, values).lastrowid
    assert message_id is not None, "no key for an inserted message"
    key, content = values[0], values[4]
    add_words(raw, message_id, content)
    count: int = raw.execute(_COUNT, (last_ms, key)).fetchone()[0]
    if count > limits.threshold:
        half = folding.fold_count(count, limits.threshold)
        fold(raw, key, half)
        count -= half

    return SavedMessage(MessageId(message_id), count)


def _record(
    raw: sqlite3.Connection, new: RecordedMessage, limits: ConversationLimits
) -> None:
    active = (new.project, oldest_ms(new.at_ms, limits.max_age_hours))
    row = raw.execute(_OF_PROJECT, active).fetchone()
    if row is None:
        user_id = f"project:{new.project}"
        key = insert_conversation(raw, user_id, new.project, new.project, new.at_ms)
    else:
        key = row[0]

    last = "SELECT last_activity_ms FROM conversation WHERE conversation_key = ?"
    last_ms = max(new.at_ms, raw.execute(last, (key,)).fetchone()[0])
    values = (key, new.role, new.agent, new.at_ms, new.content, "{}")
    saved = _add(raw, values, last_ms=last_ms, limits=limits)
    raw.execute(_ORIGIN, (new.origin, saved.message_id, key, new.session_id))


_COUNTED_OF: Final = """
SELECT conversation_id, conversation_key, message_count FROM conversation
WHERE conversation_id IN (SELECT value FROM json_each(?))
"""
_LAST: Final = "SELECT coalesce(max(message_key), 0) FROM conversation_message"
_INSERT_KEYED: Final = """
INSERT INTO conversation_message
    (message_key, conversation_key, role, channel, at_ms, content, metadata)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_COUNT_OF: Final = """
UPDATE conversation SET message_count = ?, last_activity_ms = ?
WHERE conversation_key = ?
"""


@dataclass(frozen=True, slots=True)
class SaveMessage:
    """A unit of work that saves one message, and that can be grouped with others."""

    new: NewMessage
    limits: ConversationLimits
    now_ms: int

    def __call__(self, raw: sqlite3.Connection) -> SavedMessage | None:
        """Save the message on its own."""
        return save_message(raw, self.new, self.limits, self.now_ms)


Saved = dict[int, SavedMessage | None]
"""The result of each message, by its index in the group; None: no such conversation."""

Conversation = tuple[int, int]
"""The key of a conversation, and the number of its messages."""


def run_apart(
    raw: sqlite3.Connection, units: Sequence[Callable[[sqlite3.Connection], Any]]
) -> list[Any | StoreError]:
    """Run *units* in order, each in a savepoint; return their results or errors."""
    answers: list[Any | StoreError] = []
    for _, group in groupby(units, type):
        some = list(group)
        messages = [each for each in some if isinstance(each, SaveMessage)]
        if len(messages) > 1:
            answers += _save_group(raw, messages)
        else:
            answers += [run_in_savepoint(raw, each) for each in some]

    return answers


def _save_group(
    raw: sqlite3.Connection, group: list[SaveMessage]
) -> list[SavedMessage | StoreError | None]:
    saved = run_in_savepoint(raw, lambda raw: _save(raw, group))
    if isinstance(saved, StoreError):  # one message caused it: save each on its own
        return [run_in_savepoint(raw, each) for each in group]

    return [saved[number] for number in range(len(group))]


def _save(raw: sqlite3.Connection, group: list[SaveMessage]) -> Saved:
    """Save *group*, the messages of each conversation in order."""
    by_conversation: dict[ConversationId, list[int]] = {}
    for number, each in enumerate(group):
        by_conversation.setdefault(each.new.conversation_id, []).append(number)

    ids = msgspec.json.encode(sorted(by_conversation)).decode()
    known = {
        ConversationId(id_): (key, message_count)
        for id_, key, message_count in raw.execute(_COUNTED_OF, (ids,)).fetchall()
    }
    appended: list[tuple[Conversation, list[int]]] = []
    saved: Saved = {}
    for id_, numbers in by_conversation.items():
        found = known.get(id_)
        if found is None:
            saved.update(dict.fromkeys(numbers))
        elif _can_append([group[each] for each in numbers], found[1]):
            appended.append((found, numbers))
        else:
            saved.update((each, group[each](raw)) for each in numbers)

    if appended:
        saved.update(_append(raw, group, appended))

    return saved


def _can_append(messages: list[SaveMessage], existing: int) -> bool:
    """Whether *messages* need no check for repetition, and no folding."""
    threshold = min(each.limits.threshold for each in messages)
    return existing + len(messages) <= threshold and all(
        each.new.origin is None for each in messages
    )


def _append(
    raw: sqlite3.Connection,
    group: list[SaveMessage],
    appended: list[tuple[Conversation, list[int]]],
) -> Saved:
    """Insert messages of *group*: for each conversation those with these indexes."""
    keys = count(raw.execute(_LAST).fetchone()[0] + 1)
    rows: list[tuple[Any, ...]] = []
    counts: list[tuple[int, int, int]] = []
    saved: Saved = {}
    for (conversation_key, existing), numbers in appended:
        for number, message_count in zip(numbers, count(existing + 1)):
            key, new = next(keys), group[number].new
            rows.append((key, conversation_key, *columns(new)))
            saved[number] = SavedMessage(MessageId(key), message_count)

        last_ms = group[numbers[-1]].now_ms
        counts.append((existing + len(numbers), last_ms, conversation_key))

    execute_many(raw, _INSERT_KEYED, rows)
    add_words_of(raw, [(row[0], row[5]) for row in rows])
    raw.executemany(_COUNT_OF, counts)
    return saved
