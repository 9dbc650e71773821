"""Conversations with a real store and a clock that moves when told."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
import pytest

from jarvisd.app.feature_order import conversation_limits, open_store
from jarvisd.base.errors import ProtocolError, StoreError
from jarvisd.config import ConversationSettings
from jarvisd.conversations.methods import Conversations
from jarvisd.conversations.model import (
    ConversationId,
    ConversationView,
    MessageView,
    RecordedMessage,
)
from jarvisd.conversations.removal import DECAY_INTERVAL_S, decay_periodically
from jarvisd.conversations.wire import (
    ConversationParams,
    ConversationsConsolidate,
    ConversationsConsolidateResult,
    ConversationsDecay,
    ConversationsDecayResult,
    ConversationsForget,
    ConversationsForgetResult,
    ConversationsGetOrCreate,
    ConversationsGetOrCreateResult,
    ConversationsLinkChannel,
    ConversationsLinkChannelResult,
    ConversationsList,
    ConversationsListResult,
    ConversationsMessages,
    ConversationsMessagesResult,
    ConversationsRecall,
    ConversationsRecallResult,
    ConversationsResolve,
    ConversationsSaveMessage,
    ConversationsSaveMessageResult,
)
from jarvisd.core.message import Role
from jarvisd.core.origin import SessionId
from jarvisd.core.saved import FlushBatch
from jarvisd.core.storage.backup import backups
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.group_commit import GroupCommit
from tests.storage.building import ask, saved
from tests.support import FakeClock, eventually

T = TypeVar("T")

HOUR_S = 3600.0
NOBODY = ConversationId("0" * 16)


@dataclass
class Kept:
    """Conversations that run, and what a test wants to reach of them."""

    conversations: Conversations
    store: Store
    clock: FakeClock

    async def ask(self, asked: ConversationParams, answer: type[T]) -> T:
        result = await self.conversations.methods()[type(asked)](asked)
        assert isinstance(result, answer)
        return result

    async def open(self, user_id: str = "ada", **more: Any) -> ConversationView:
        return (await self.opened(user_id, **more)).conversation

    async def opened(
        self, user_id: str = "ada", **more: Any
    ) -> ConversationsGetOrCreateResult:
        asked = ConversationsGetOrCreate(user_id=user_id, **more)
        return await self.ask(asked, ConversationsGetOrCreateResult)

    async def save(
        self, id_: ConversationId, *contents: str, **more: Any
    ) -> ConversationsSaveMessageResult:
        for content in contents:
            asked = ConversationsSaveMessage(
                conversation_id=id_, content=content, **{"role": Role.USER, **more}
            )
            result = await self.ask(asked, ConversationsSaveMessageResult)
        return result

    async def messages(self, id_: ConversationId) -> list[MessageView]:
        asked = ConversationsMessages(conversation_id=id_)
        return (await self.ask(asked, ConversationsMessagesResult)).messages

    async def contents(self, id_: ConversationId) -> list[str]:
        return [each.content for each in await self.messages(id_)]

    async def listed(self, **more: Any) -> list[ConversationView]:
        result = await self.ask(ConversationsList(**more), ConversationsListResult)
        return result.conversations

    async def decay(self, max_age_hours: float | None = None) -> int:
        asked = ConversationsDecay(max_age_hours=max_age_hours)
        return (await self.ask(asked, ConversationsDecayResult)).removed

    async def recall(self, words: str, **more: Any) -> list[str]:
        asked = ConversationsRecall(words=words, **more)
        result = await self.ask(asked, ConversationsRecallResult)
        return [each.message.content for each in result.hits]

    async def forget(self, **what: Any) -> ConversationsForgetResult:
        return await self.ask(ConversationsForget(**what), ConversationsForgetResult)

    async def record(self, *messages: RecordedMessage) -> None:
        changes = {"blocks": (saved(1),), "conversations": (messages,)}
        await self.store.save(FlushBatch(changes=changes))

    def rows(self, table: str) -> int:
        return int(ask(self.store.path, f"SELECT count(*) FROM {table}")[0][0])


@asynccontextmanager
async def keeping(path: Path, **limits: Any) -> AsyncIterator[Kept]:
    clock, usual = FakeClock(), conversation_limits(ConversationSettings())
    kept = msgspec.structs.replace(usual, **limits)
    async with (
        open_store(path, clock=clock, limits=kept) as store,
        anyio.create_task_group() as tasks,
    ):
        scribe = GroupCommit(store)
        tasks.start_soon(scribe.run)
        conversations = Conversations(
            store, scribe, clock, limits=kept, flush=nothing_to_flush
        )
        yield Kept(conversations, store, clock)
        assert await store.check() == []
        tasks.cancel_scope.cancel()


async def nothing_to_flush() -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


def spoken(
    number: int, *, session: str = "s1", project: str = "/w", **more: Any
) -> RecordedMessage:
    return RecordedMessage(
        **{
            "origin": number,
            "project": project,
            "agent": "claude",
            "session_id": SessionId(session),
            "role": Role.ASSISTANT,
            "content": f"word{number}",
            "at_ms": FakeClock().unix_ms() + number,
            **more,
        }
    )


def damage(path: Path) -> None:
    path.write_bytes(b"damaged" * 1000)


def holds(path: Path, text: bytes) -> bool:
    return text in path.read_bytes()


async def refused(kept: Kept, asked: ConversationParams) -> str:
    with pytest.raises(ProtocolError) as refusal:
        await kept.conversations.methods()[type(asked)](asked)
    return refusal.value.kind


# Identity


async def test_the_same_person_gets_the_same_conversation(path: Path) -> None:
    async with keeping(path) as kept:
        first = await kept.opened()
        second = await kept.opened()

    assert (first.created, second.created) == (True, False)
    assert first.conversation == second.conversation


async def test_what_is_told_later_of_a_person_is_stored(path: Path) -> None:
    async with keeping(path) as kept:
        await kept.open(display_name="A", metadata={"a": 1})
        await kept.open(display_name="Ada", metadata={"b": None})
        [listed] = await kept.listed()

    assert (listed.display_name, listed.metadata) == ("Ada", {"b": None})


@pytest.mark.parametrize(
    ("age_s", "same"),
    [
        pytest.param(24 * HOUR_S - 1, True, id="younger"),
        pytest.param(24 * HOUR_S, True, id="exactly as old as allowed"),
        pytest.param(24 * HOUR_S + 0.001, False, id="a millisecond older"),
    ],
)
async def test_a_conversation_is_over_when_it_is_older_than_its_age(
    *, path: Path, age_s: float, same: bool
) -> None:
    async with keeping(path) as kept:
        first = await kept.open()
        await kept.clock.advance(age_s)
        second = await kept.open()

    assert (second.conversation_id == first.conversation_id) is same


async def test_saving_keeps_alive_and_asking_does_not(path: Path) -> None:
    """The worked timeline T6: created 0:00, saved 0:50, asked 1:50 and a second later."""
    async with keeping(path, max_age_hours=1) as kept:
        first = await kept.open()
        await kept.clock.advance(50 * 60)
        await kept.save(first.conversation_id, "hello")
        await kept.clock.advance(60 * 60)
        assert (await kept.open()).conversation_id == first.conversation_id
        assert await kept.decay() == 0

        await kept.clock.advance(1)
        assert (await kept.open()).conversation_id != first.conversation_id
        assert await kept.decay() == 1


async def test_a_channel_says_who_it_is_whatever_the_users_id(path: Path) -> None:
    async with keeping(path) as kept:
        ada = await kept.open("ada", channel="telegram", channel_user_id="t123")
        found = await kept.open("t123", channel="telegram", channel_user_id="t123")
        asked = ConversationsResolve(channel="telegram", channel_user_id="t123")
        resolved = await kept.ask(asked, ConversationView)

    assert found == resolved == ada


async def test_a_conversation_that_is_over_hands_its_channels_on(path: Path) -> None:
    async with keeping(path) as kept:
        old = await kept.open("ada", channel="telegram", channel_user_id="t123")
        await link(kept, old.conversation_id, "discord", "d456")
        await kept.clock.advance(25 * HOUR_S)
        new = await kept.open("d456", channel="discord", channel_user_id="d456")

    assert new.conversation_id != old.conversation_id
    assert new.user_id == "ada"
    assert {each.channel for each in new.channels} == {"telegram", "discord"}


async def link(
    kept: Kept, id_: ConversationId, channel: str, user: str, *, move: bool = False
) -> ConversationsLinkChannelResult:
    asked = ConversationsLinkChannel(
        conversation_id=id_, channel=channel, channel_user_id=user, move=move
    )
    return await kept.ask(asked, ConversationsLinkChannelResult)


async def test_somebody_on_a_channel_is_in_one_conversation(path: Path) -> None:
    async with keeping(path) as kept:
        ada, bob = await kept.open("ada"), await kept.open("bob")
        await link(kept, ada.conversation_id, "telegram", "t123")
        await link(kept, ada.conversation_id, "telegram", "t123")  # harmless
        asked = ConversationsLinkChannel(
            conversation_id=bob.conversation_id,
            channel="telegram",
            channel_user_id="t123",
        )
        assert await refused(kept, asked) == "channel_taken"
        moved = await link(kept, bob.conversation_id, "telegram", "t123", move=True)

        assert moved.moved_from == ada.conversation_id
        assert kept.rows("channel_link") == 1


async def test_half_an_identity_is_refused(path: Path) -> None:
    async with keeping(path) as kept:
        asked = ConversationsGetOrCreate(user_id="ada", channel="telegram")
        assert await refused(kept, asked) == "invalid_params"


@pytest.mark.parametrize(
    "asked",
    [
        ConversationsSaveMessage(conversation_id=NOBODY, role=Role.USER, content="x"),
        ConversationsMessages(conversation_id=NOBODY),
        ConversationsConsolidate(conversation_id=NOBODY),
        ConversationsResolve(channel="telegram", channel_user_id="t"),
        ConversationsLinkChannel(
            conversation_id=NOBODY, channel="telegram", channel_user_id="t"
        ),
    ],
    ids=lambda asked: type(asked).__name__,
)
async def test_what_is_unknown_is_refused_and_leaves_no_row(
    path: Path, asked: ConversationParams
) -> None:
    async with keeping(path) as kept:
        assert await refused(kept, asked) == "unknown_conversation"
        assert kept.rows("conversation_message") == kept.rows("channel_link") == 0


# Messages


async def test_messages_keep_the_order_in_which_they_came(path: Path) -> None:
    async with keeping(path) as kept:
        id_ = (await kept.open()).conversation_id
        now_ms = kept.clock.unix_ms()
        for content, at_ms in (("a", now_ms), ("b", now_ms - 9), ("c", now_ms)):
            await kept.save(id_, content, at_ms=at_ms, channel=f"From {content}")
        messages = await kept.messages(id_)

    assert [each.content for each in messages] == ["a", "b", "c"]
    assert [each.channel for each in messages] == ["From a", "From b", "From c"]


async def test_last_activity_is_the_time_of_the_message(path: Path) -> None:
    async with keeping(path) as kept:
        id_ = (await kept.open()).conversation_id
        await kept.clock.advance(7)
        await kept.save(id_, "x")
        [message] = await kept.messages(id_)

        assert message.at_ms == (await kept.open()).last_activity_ms


async def test_a_message_with_a_key_is_taken_once(path: Path) -> None:
    async with keeping(path, threshold=2) as kept:
        id_ = (await kept.open()).conversation_id
        first = await kept.save(id_, "x", key="k")
        await kept.save(id_, "y", "z")  # folds the first
        again = await kept.save(id_, "x", key="k")

        assert again.repeated
        assert again.message_id == first.message_id
        assert sum("x" in each for each in await kept.contents(id_)) == 1


async def test_pages_of_messages_join_without_gap_or_overlap(path: Path) -> None:
    async with keeping(path, threshold=10) as kept:
        id_ = (await kept.open()).conversation_id
        await kept.save(id_, *(f"m{number}" for number in range(13)))
        whole = await kept.messages(id_)
        parts: list[MessageView] = []
        before, more = None, True
        while more:
            asked = ConversationsMessages(conversation_id=id_, limit=3, before=before)
            page = await kept.ask(asked, ConversationsMessagesResult)
            parts, before = page.messages + parts, page.messages[0].message_id
            more = page.more

    assert parts == whole


# Folding


async def test_the_hundred_and_first_message_folds_fifty(path: Path) -> None:
    """The worked timeline T7, all messages at one instant."""
    async with keeping(path) as kept:
        id_ = (await kept.open()).conversation_id
        await kept.save(id_, *(f"m{number}" for number in range(101)))
        summary, *kept_ones = await kept.messages(id_)

    assert [each.content for each in kept_ones] == [f"m{n}" for n in range(50, 101)]
    assert (summary.role, summary.folded) == ("system", 50)
    assert summary.content.split("\n")[1:] == [f"[user] m{n}" for n in range(10)]


async def test_the_count_is_right_over_all_rounds(path: Path) -> None:
    async with keeping(path, threshold=5) as kept:
        id_ = (await kept.open()).conversation_id
        for number in range(200):
            await kept.save(id_, f"m{number}")
            [view] = await kept.listed()
            summary = [each for each in await kept.messages(id_) if each.folded]
            assert view.message_count + view.folded_count == number + 1
            assert sum(each.folded for each in summary) == view.folded_count
            assert view.message_count <= 5
            assert len(summary) <= 1


@pytest.mark.parametrize(
    ("saved", "threshold", "folded"),
    [(50, None, 0), (51, None, 25), (3, 0, 1), (1, 0, 0)],
)
async def test_folding_when_asked(
    path: Path, saved: int, threshold: int | None, folded: int
) -> None:
    async with keeping(path) as kept:
        id_ = (await kept.open()).conversation_id
        await kept.save(id_, *(f"m{number}" for number in range(saved)))
        asked = ConversationsConsolidate(conversation_id=id_, threshold=threshold)
        done = await kept.ask(asked, ConversationsConsolidateResult)

    assert (done.folded, done.message_count) == (folded, saved - folded)


# Lists and decay


async def test_a_list_has_what_is_not_over_newest_first(path: Path) -> None:
    async with keeping(path, max_age_hours=1) as kept:
        for minute in range(3):
            await kept.open(f"u{minute}")
            await kept.clock.advance(60)
        await kept.clock.advance(57 * 60)

        assert [each.user_id for each in await kept.listed()] == ["u2", "u1", "u0"]
        await kept.clock.advance(60)
        assert [each.user_id for each in await kept.listed()] == ["u2", "u1"]
        assert [each.user_id for each in await kept.listed(limit=1)] == ["u2"]
        assert await kept.listed(limit=0) == []
        assert len(await kept.listed(active_only=False)) == 3
        assert await kept.listed(max_age_hours=0) == []


async def test_decay_removes_exactly_what_is_older_with_all_that_is_of_it(
    path: Path,
) -> None:
    async with keeping(path) as kept:
        old = await kept.open("old", channel="telegram", channel_user_id="t")
        await kept.save(old.conversation_id, "forgotten", key="k")
        await kept.clock.advance(2 * 60)
        young = await kept.open("young")
        await kept.save(young.conversation_id, "remembered")
        await kept.clock.advance(59 * 60)

        assert await kept.decay(1) == 1
        assert [each.user_id for each in await kept.listed()] == ["young"]
        assert await kept.recall("forgotten") == []
        assert await kept.recall("remembered") == ["remembered"]
        assert kept.rows("conversation_message") == 1
        assert kept.rows("channel_link") == kept.rows("message_origin") == 0


async def test_an_explicit_nought_hours_is_nought(path: Path) -> None:
    async with keeping(path) as kept:
        for number in range(20):
            await kept.open(f"u{number}")
        assert await kept.decay(0) == 0  # as old as now is not older
        await kept.clock.advance(0.001)
        assert await kept.decay(0) == 20


async def test_the_daemon_decays_by_itself(path: Path) -> None:
    async with (
        keeping(path, max_age_hours=0.1) as kept,
        anyio.create_task_group() as own,
    ):
        own.start_soon(decay_periodically, kept.conversations.removal, kept.clock)
        await kept.open()
        await kept.clock.advance(DECAY_INTERVAL_S + 1)
        await eventually(lambda: kept.rows("conversation") == 0)
        own.cancel_scope.cancel()


# Damage and trouble


async def test_a_corrupt_row_is_shown_empty_and_the_others_whole(path: Path) -> None:
    async with keeping(path) as kept:
        for user in ("a", "b", "c"):
            view = await kept.open(user, metadata={"mine": user})
            await kept.save(view.conversation_id, "x", "y", metadata={"n": 1})
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("UPDATE conversation SET metadata = '{' WHERE user_id = 'a'")
            raw.execute(
                "UPDATE conversation SET display_name = CAST(x'ff41' AS TEXT), "
                "metadata = CAST(x'ff' AS TEXT) WHERE user_id = 'b'"
            )
            raw.execute(
                "UPDATE conversation_message SET metadata = 'x', "
                "content = CAST(x'ff41' AS TEXT) WHERE message_key = 5"
            )
            raw.commit()
        listed = {each.user_id: each for each in await kept.listed()}
        first, second = await kept.messages(listed["c"].conversation_id)

        assert [listed[each].corrupt for each in "abc"] == [True, True, False]
        assert listed["c"].metadata == {"mine": "c"}
        assert (first.corrupt, first.content, second.corrupt) == (
            True,
            "\ufffdA",
            False,
        )
        assert (await kept.opened("a")).created is False
        assert (await kept.save(listed["c"].conversation_id, "z")).message_count == 3
        with closing(sqlite3.connect(path)) as raw:  # or the check at the end complains
            raw.execute(
                "UPDATE conversation_message SET content = 'x' WHERE message_key = 5"
            )
            raw.commit()


async def test_one_refused_unit_does_not_cost_the_others_of_its_group(
    path: Path,
) -> None:
    def bad(raw: sqlite3.Connection) -> None:
        raw.execute("INSERT INTO text (text) VALUES ('undone')")
        raw.execute("INSERT INTO conversation_message DEFAULT VALUES")

    def good(raw: sqlite3.Connection) -> int | None:
        return raw.execute("INSERT INTO text (text) VALUES ('done')").lastrowid

    async with keeping(path) as kept:
        one, error, other = await kept.store.apply([good, bad, lambda _raw: 7])

        assert (one, other) == (1, 7)
        assert isinstance(error, StoreError)
        assert ask(path, "SELECT text FROM text") == [("done",)]


# Recording and recall


async def test_what_agents_say_in_a_project_is_one_conversation(path: Path) -> None:
    async with keeping(path) as kept:
        await kept.record(spoken(1), spoken(2, agent="codex", session="s2"))
        await kept.record(spoken(3), spoken(2, agent="codex", session="s2"))
        [view] = await kept.listed()
        messages = await kept.messages(view.conversation_id)

    assert view.project == "/w"
    assert [each.content for each in messages] == ["word1", "word2", "word3"]
    assert [each.channel for each in messages] == ["claude", "codex", "claude"]


async def test_a_message_read_again_after_it_was_folded_is_not_taken_again(
    path: Path,
) -> None:
    everything = [spoken(number) for number in range(30)]
    async with keeping(path, threshold=5) as kept:
        await kept.record(*everything)
        await kept.record(*everything)
        [view] = await kept.listed()

    assert view.message_count + view.folded_count == 30


async def test_after_the_age_limit_a_project_begins_anew(path: Path) -> None:
    late = spoken(2, at_ms=FakeClock().unix_ms() + 25 * 3_600_000)
    async with keeping(path) as kept:
        await kept.record(spoken(1), late)

        assert len(await kept.listed(active_only=False)) == 2


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/w", ["word1"]),
        ("/w/", ["word1"]),
        ("/w/deep/er", ["word1"]),
        ("/", ["word2", "word1"]),
        ("/work", ["word2"]),
        ("/elsewhere", []),
        (None, ["word2", "word1"]),
    ],
)
async def test_recall_looks_in_the_project_one_is_in(
    path: Path, folder: str | None, found: list[str]
) -> None:
    async with keeping(path) as kept:
        await kept.record(spoken(1), spoken(2, project="/work"))

        assert await kept.recall("", folder=folder) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("BUILD", True),
        ("build green", True),
        ("green build", True),
        ("cafe", True),
        ("build red", False),
        ('"', False),
        ("AND OR NOT (", False),
        ("build*", True),
        ("build-green", True),
    ],
)
async def test_recall_finds_words_and_trips_over_no_sign(
    *, path: Path, words: str, found: bool
) -> None:
    async with keeping(path) as kept:
        view = await kept.open()
        await kept.save(view.conversation_id, "Is the build green? Café.")

        assert bool(await kept.recall(words)) is found


# Forgetting


async def test_a_forgotten_session_leaves_nothing_and_others_stay(path: Path) -> None:
    async with keeping(path) as kept:
        await kept.record(spoken(1), spoken(2, session="s2"), spoken(3))
        gone = await kept.forget(session_id="s1")

        assert (gone.messages, gone.conversations) == (2, 0)
        assert await kept.recall("word1") == []
        assert await kept.recall("") == ["word2"]
        [view] = await kept.listed()
        assert view.message_count == 1
    assert not holds(path, b"word1")


async def test_a_summary_that_may_quote_a_forgotten_session_loses_its_quotes(
    path: Path,
) -> None:
    async with keeping(path, threshold=3) as kept:
        await kept.record(*(spoken(n, session=f"s{n % 2}") for n in range(4)))
        gone = await kept.forget(session_id="s0")
        [view] = await kept.listed()
        contents = await kept.contents(view.conversation_id)

    assert (gone.messages, gone.summaries) == (1, 1)
    assert contents == ["Summary of 2 earlier messages:", "word3"]
    assert not holds(path, b"word0")


@pytest.mark.parametrize(
    ("what", "messages", "left"),
    [
        ({"project": "/w"}, 1, 2),
        ({"project": "/nowhere"}, 0, 3),
        ({"session_id": "nobody"}, 0, 3),
        ({"conversation_id": NOBODY}, 0, 3),
        ({"everything": True}, 3, 0),
    ],
)
async def test_forgetting_says_what_it_removed(
    path: Path, what: dict[str, Any], messages: int, left: int
) -> None:
    async with keeping(path) as kept:
        await kept.record(spoken(1), spoken(2, project="/v"))
        await kept.save((await kept.open()).conversation_id, "word3")
        gone = await kept.forget(**what)

        assert gone.messages == messages
        assert kept.rows("conversation_message") == left
        assert len(await kept.recall("", limit=9)) == left


async def test_the_next_backup_does_not_have_what_was_forgotten(path: Path) -> None:
    async with keeping(path) as kept:
        await kept.record(spoken(1))
        await kept.store.backup()
        gone = await kept.forget(everything=True)
        await kept.clock.advance(25 * HOUR_S)
        await kept.store.backup()

    first, second = reversed(backups(path))
    assert gone.old_backups == 1
    assert holds(first, b"word1")
    assert not holds(second, b"word1")


async def test_a_restored_backup_brings_back_what_was_forgotten_and_says_so(
    path: Path,
) -> None:
    async with keeping(path) as kept:
        await kept.record(spoken(1))
        await kept.store.backup()
        await kept.forget(everything=True)

    damage(path)
    async with keeping(path) as kept:
        assert await kept.recall("") == ["word1"]
        assert "removed again" in (kept.store.repaired or "")
        assert (await kept.forget(everything=True)).messages == 1


@pytest.mark.parametrize("what", [{}, {"everything": True, "project": "/w"}])
async def test_what_to_forget_must_be_said_once(
    path: Path, what: dict[str, Any]
) -> None:
    async with keeping(path) as kept:
        asked = ConversationsForget(**what)
        assert await refused(kept, asked) == "invalid_params"
