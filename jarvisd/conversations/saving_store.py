"""Saves the messages of many clients by few statements.

Each statement releases the interpreter lock and waits to get it back (see
`core/storage/multi_insert.py`), and a message needs six of them. Messages of one
transaction share statements, unless one needs its own: a message with a key, which may
be a repetition, or one that makes its conversation too long.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import Any, Final

import msgspec

from jarvisd.base.errors import StoreError
from jarvisd.conversations import folding
from jarvisd.conversations.messages_store import (
    NewMessage,
    SavedMessage,
    columns,
    save_message,
)
from jarvisd.conversations.model import ConversationId, ConversationLimits, MessageId
from jarvisd.conversations.word_index_store import add_words_of
from jarvisd.core.storage.database import run_in_savepoint
from jarvisd.core.storage.multi_insert import execute_many

_COUNTED: Final = """
SELECT conversation_id, conversation_key, message_count FROM conversation
WHERE conversation_id IN (SELECT value FROM json_each(?))
"""
_LAST: Final = "SELECT coalesce(max(message_key), 0) FROM conversation_message"
_INSERT: Final = """
INSERT INTO conversation_message
    (message_key, conversation_key, role, channel, at_ms, content, metadata)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_COUNT: Final = """
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
        for id_, key, message_count in raw.execute(_COUNTED, (ids,)).fetchall()
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
    return not folding.exceeds_threshold(existing + len(messages), threshold) and all(
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

    execute_many(raw, _INSERT, rows)
    add_words_of(raw, [(row[0], row[5]) for row in rows])
    raw.executemany(_COUNT, counts)
    return saved
