"""Messages saved together: the same as one after the other."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.base.errors import StoreError
from jarvisd.conversations.messages_store import NewMessage, SaveMessage, run_apart
from jarvisd.conversations.model import ConversationId, ConversationLimits
from jarvisd.conversations.store import Person, get_or_create
from jarvisd.core.message import Role
from jarvisd.core.storage.database import run_in_savepoint
from jarvisd.core.storage.opening import Opening
from tests.support import EPOCH_MS

PEOPLE = 3
LIMITS = ConversationLimits(max_age_hours=24.0, threshold=6)
_CONVERSATIONS = """
SELECT user_id, message_count, folded_count, last_activity_ms FROM conversation
ORDER BY user_id
"""
_MESSAGES = """
SELECT user_id, role, channel, at_ms, folded, content, message.metadata
FROM conversation_message AS message JOIN conversation USING (conversation_key)
ORDER BY user_id, message_key
"""
_ORIGINS = "SELECT origin_key FROM message_origin ORDER BY origin_key"
_CHECK = "INSERT INTO message_text (message_text) VALUES ('integrity-check')"

whose = st.integers(0, PEOPLE)  # the last of them is unknown
said = st.tuples(whose, st.none() | st.integers(1, 4))
groups = st.lists(st.lists(said, max_size=12), min_size=1, max_size=6)


@contextmanager
def database(path: Path) -> Iterator[tuple[sqlite3.Connection, list[ConversationId]]]:
    raw = Opening(path, EPOCH_MS).connect()
    try:
        raw.execute("BEGIN")
        ids = [
            get_or_create(raw, Person(f"user {each}"), LIMITS, EPOCH_MS).conversation
            for each in range(PEOPLE)
        ]
        yield raw, [*(each.conversation_id for each in ids), ConversationId("f" * 16)]
    finally:
        raw.close()


def unit(id_: ConversationId, number: int, origin: int | None) -> SaveMessage:
    content = f"word{number}"
    new = NewMessage(id_, Role.USER, content, "test", number, {"n": number}, origin)
    return SaveMessage(new, LIMITS, EPOCH_MS + number)


@settings(deadline=None)
@given(groups)
def test_what_is_saved_together_is_as_if_it_was_saved_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, said: list[list[tuple[int, int | None]]]
) -> None:
    found: list[tuple[list[Any], list[Any]]] = []
    for together in (True, False):
        numbers = count()
        with database(tmp_path_factory.mktemp("store") / "j.db") as (raw, ids):
            answers: list[Any] = []
            for group in said:
                asked = [
                    unit(ids[who], next(numbers), origin and origin * 10 + who)
                    for who, origin in group
                ]
                if together:
                    answers += run_apart(raw, asked)
                else:
                    answers += [run_in_savepoint(raw, each) for each in asked]

            found.append(([_without_key(each) for each in answers], contents(raw)))

    assert found[0] == found[1]


def contents(raw: sqlite3.Connection) -> list[Any]:
    """Return all that is there but for keys, which follow the order of writing."""
    raw.execute(_CHECK)
    queries = (_CONVERSATIONS, _MESSAGES, _ORIGINS)
    return [raw.execute(query).fetchall() for query in queries]


def _without_key(answer: Any) -> object:
    assert not isinstance(answer, StoreError)
    return answer and (answer.message_count, answer.repeated)
