"""Messages of many clients, saved by few statements.

Each statement hands the interpreter to the event loop and waits to get it back (see
`many`), and a message needs six of them. Those that are saved in one transaction share
theirs, unless one is what needs a look of its own: a repetition, or one too many.
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
from jarvisd.conversations.word_index_store import put_words
from jarvisd.core.storage.database import apart
from jarvisd.core.storage.multi_insert import put

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
    """A unit: `save_message` with what it needs."""

    new: NewMessage
    limits: ConversationLimits
    now_ms: int

    def __call__(self, raw: sqlite3.Connection) -> SavedMessage | None:
        """Save the message alone."""
        return save_message(raw, self.new, self.limits, self.now_ms)


Saved = dict[int, SavedMessage | None]
"""What came of each message, by its number in the group."""

Conversation = tuple[int, int]
"""Its key, and how many messages it has."""


def run_apart(
    raw: sqlite3.Connection, units: Sequence[Callable[[sqlite3.Connection], Any]]
) -> list[Any | StoreError]:
    """Return what *units* return, run in order, each as `apart` does it."""
    answers: list[Any | StoreError] = []
    for _, group in groupby(units, type):
        some = list(group)
        messages = [each for each in some if isinstance(each, SaveMessage)]
        if len(messages) > 1:
            answers += _save_group(raw, messages)
        else:
            answers += [apart(raw, each) for each in some]

    return answers


def _save_group(
    raw: sqlite3.Connection, group: list[SaveMessage]
) -> list[SavedMessage | StoreError | None]:
    saved = apart(raw, lambda raw: _save(raw, group))
    if isinstance(saved, StoreError):  # one is to blame: find out which
        return [apart(raw, each) for each in group]

    return [saved[number] for number in range(len(group))]


def _save(raw: sqlite3.Connection, group: list[SaveMessage]) -> Saved:
    """Save *group*: of one conversation in order, by whichever way each needs."""
    known = _known(raw, {each.new.conversation_id for each in group})
    plain: list[tuple[Conversation, list[int]]] = []
    saved: Saved = {}
    for id_, numbers in _by_conversation(group).items():
        found = known.get(id_)
        if found is None:
            saved.update(dict.fromkeys(numbers))
        elif _are_plain([group[each] for each in numbers], found[1]):
            plain.append((found, numbers))
        else:
            saved.update((each, group[each](raw)) for each in numbers)

    if plain:
        saved.update(_save_plain(raw, group, plain))

    return saved


def _known(
    raw: sqlite3.Connection, ids: set[ConversationId]
) -> dict[ConversationId, Conversation]:
    asked = msgspec.json.encode(sorted(ids)).decode()
    rows = raw.execute(_COUNTED, (asked,)).fetchall()
    return {ConversationId(id_): (key, messages) for id_, key, messages in rows}


def _by_conversation(group: list[SaveMessage]) -> dict[ConversationId, list[int]]:
    numbers: dict[ConversationId, list[int]] = {}
    for number, each in enumerate(group):
        numbers.setdefault(each.new.conversation_id, []).append(number)

    return numbers


def _are_plain(messages: list[SaveMessage], there: int) -> bool:
    """Whether *messages* only append to a conversation of *there*."""
    threshold = min(each.limits.threshold for each in messages)
    return not folding.is_due(there + len(messages), threshold) and all(
        each.new.origin is None for each in messages
    )


def _save_plain(
    raw: sqlite3.Connection,
    group: list[SaveMessage],
    plain: list[tuple[Conversation, list[int]]],
) -> Saved:
    """Write what is *plain*, of each conversation these numbers of *group*."""
    keys = count(raw.execute(_LAST).fetchone()[0] + 1)
    rows: list[tuple[Any, ...]] = []
    counts: list[tuple[int, int, int]] = []
    saved: Saved = {}
    for (conversation_key, there), numbers in plain:
        for number, message_count in zip(numbers, count(there + 1)):
            key, new = next(keys), group[number].new
            rows.append((key, conversation_key, *columns(new)))
            saved[number] = SavedMessage(MessageId(key), message_count)

        last_ms = group[numbers[-1]].now_ms
        counts.append((there + len(numbers), last_ms, conversation_key))

    put(raw, _INSERT, rows)
    put_words(raw, [(row[0], row[5]) for row in rows])
    raw.executemany(_COUNT, counts)
    return saved
