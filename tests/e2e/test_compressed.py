"""Rollouts that Codex has compressed: counted once, whatever form they are met in."""

import json
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import (
    BlocksTailResult,
    SessionsListResult,
    SourcesListResult,
)
from jarvisd.reports.wire import SessionsExplainResult
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually
from tests.zstd_library import zstd

WEEK_S = 7 * 86_400
IS_LONG = int(os.environ.get("JARVISD_EXAMPLES", "200")) >= 1000


class Rollout:
    """One thread's file, and what Codex does with it."""

    def __init__(self, home: Home, folder: Path | None = None) -> None:
        self.thread = str(uuid4())
        folder = folder or home.sessions / "2026" / "11" / "21"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"rollout-2026-11-21T02-27-13-{self.thread}.jsonl"
        self.responses = 0
        self._append("session_meta", id=self.thread, cwd="/home/me/shop", source="cli")
        self._append("turn_context", turn_id="t", cwd="/home/me/shop", model="gpt-5")

    @property
    def packed(self) -> Path:
        return self.path.with_name(f"{self.path.name}.zst")

    @property
    def lines(self) -> int:
        return 2 + self.responses

    def answer(self, count: int = 1) -> None:
        """Have so many responses of 100 tokens each."""
        for _ in range(count):
            self.responses += 1
            usage = {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100}
            self._append(
                "token_usage_record",
                thread_id=self.thread,
                turn_id="t",
                session_id=self.thread,
                response_id=f"resp_{self.thread}_{self.responses}",
                usage=usage,
            )

    def compress(self, level: int = 3) -> None:
        """Do as Codex does with what was idle for a week."""
        aside = self.path.with_suffix(".tmp")
        aside.write_bytes(zstd.compress(self.path.read_bytes(), level))
        seen = self.path.stat()
        os.utime(aside, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        aside.rename(self.packed)
        self.path.unlink()

    def unpack(self) -> None:
        """Do as Codex does when the thread is resumed."""
        aside = self.path.with_suffix(".tmp")
        aside.write_bytes(zstd.decompress(self.packed.read_bytes()))
        self.path.hardlink_to(aside)
        aside.unlink()
        self.packed.unlink()

    def move(self) -> None:
        """Archive it, or take it back."""
        sessions = self.path.parents[4 if self.path.parent.name == "21" else 1]
        day = sessions / "sessions" / "2026" / "11" / "21"
        away = day if self.path.parent != day else sessions / "archived_sessions"
        before = self.path if self.path.exists() else self.packed
        self.path = away / self.path.name
        before.rename(self.path if before.suffix == ".jsonl" else self.packed)

    def grow_or_shrink(self) -> None:
        """Become the other form, with a response more."""
        if self.packed.exists():
            self.unpack()
            self.answer()
        else:
            self.answer()
            self.compress()

    def grow_old(self) -> None:
        seen = self.path.stat()
        os.utime(self.path, (seen.st_atime - WEEK_S, seen.st_mtime - WEEK_S))

    def _append(self, kind: str, **payload: object) -> None:
        stamp = f"2026-11-21T02:27:{self.responses % 60:02}.000Z"
        line = {"timestamp": stamp, "type": kind, "payload": payload}
        append(self.path, json.dumps(line))


async def counts(daemon: Daemon, rollout: Rollout) -> tuple[int, int, int]:
    """Return how many blocks and lines a rollout has, and its session's tokens."""
    async with daemon.connected() as client:
        await client.sync()
        blocks = [
            each
            for each in await client.blocks()
            if rollout.thread in (each.path or "")
        ]
        found = await client.ask("sessions.list", SessionsListResult)
        tokens = [
            each.tokens.input + each.tokens.output
            for each in found.sessions
            if each.session_id == rollout.thread
        ]
        return len(blocks), sum(each.line_count for each in blocks), sum(tokens)


def expected(rollout: Rollout) -> tuple[int, int, int]:
    return 1, rollout.lines, 100 * rollout.responses


def has_library(daemon: Daemon) -> bool:
    """Whether the process has loaded what decompresses."""
    return "zstd" in Path(f"/proc/{daemon.pid}/maps").read_text()


async def errors(daemon: Daemon) -> dict[str, str]:
    """Return the files that cannot be read, by name, with the reasons."""
    found = await daemon.ask("sources.list", SourcesListResult, problems=True)
    return {Path(each.path).name: each.error or "" for each in found.sources}


async def test_a_compressed_rollout_is_counted_at_first_start(home: Home) -> None:
    rollout = Rollout(home)
    rollout.answer(1000)
    rollout.grow_old()
    rollout.compress()
    async with running_daemon(home) as daemon:
        assert await counts(daemon, rollout) == expected(rollout)
        async with daemon.connected() as client:
            block = await client.block_at(rollout.packed)
            assert block is not None
            assert (block.session_id, block.error) == (rollout.thread, None)
            health = await client.ask("health", HealthResult)
            assert health.live_blocks == 0
            assert health.watch.compressed_files == 0

        await daemon.restart()
        assert await counts(daemon, rollout) == expected(rollout)
        daemon.assert_clean_log()


async def test_a_rollout_that_is_compressed_meanwhile_counts_once(home: Home) -> None:
    rollout = Rollout(home)
    rollout.answer(50)
    rollout.grow_old()
    async with running_daemon(home) as daemon:
        assert await counts(daemon, rollout) == expected(rollout)
        rollout.compress()
        assert await counts(daemon, rollout) == expected(rollout)
        assert await errors(daemon) == {}
        assert (await daemon.ask("health", HealthResult)).problems == []

        rollout.unpack()
        assert await counts(daemon, rollout) == expected(rollout)
        rollout.answer(3)
        assert await counts(daemon, rollout) == expected(rollout)

        rollout.compress()
        await daemon.sync()
        await daemon.restart()
        assert await counts(daemon, rollout) == expected(rollout)


@pytest.mark.parametrize("is_archived", [False, True])
async def test_what_came_before_it_was_compressed_unseen_is_not_lost(
    home: Home, is_archived: bool
) -> None:
    rollout = Rollout(home)
    rollout.answer(50)
    async with running_daemon(home) as daemon:
        assert await counts(daemon, rollout) == expected(rollout)
        await daemon.kill()

        rollout.answer(700)
        if is_archived:
            archive = home.folder / ".codex" / "archived_sessions"
            archive.mkdir()
            rollout.path = rollout.path.rename(archive / rollout.path.name)

        rollout.compress()
        await daemon.start()
        assert await counts(daemon, rollout) == expected(rollout)
        await daemon.kill()

        rollout.unpack()
        rollout.answer(2)
        await daemon.start()
        assert await counts(daemon, rollout) == expected(rollout)


async def test_an_upgrade_reads_compressed_files_again(home: Home) -> None:
    rollout = Rollout(home)
    rollout.answer(1000)
    rollout.compress()
    async with running_daemon(home) as daemon:
        await daemon.sync()
        await daemon.kill()
        with closing(sqlite3.connect(home.state / "jarvisd.db")) as database:
            database.execute("UPDATE block SET parser_version = 0")
            database.commit()

        await daemon.start()
        assert await counts(daemon, rollout) == expected(rollout)
        assert "books.reread" in daemon.log()
        assert "books.reread_failed" not in daemon.log()


async def test_a_daemon_killed_while_it_reads_goes_on(home: Home) -> None:
    rollouts = [Rollout(home) for _ in range(3)]
    for each in rollouts:
        each.answer(4000)
        each.compress()

    async with running_daemon(home) as daemon:
        for _ in range(4):
            await daemon.restart()

        for each in rollouts:
            assert await counts(daemon, each) == expected(each)


async def test_the_plain_file_wins_over_its_compressed_copy(home: Home) -> None:
    rollout = Rollout(home)
    rollout.answer(5)
    rollout.packed.write_bytes(zstd.compress(rollout.path.read_bytes()))
    copies = home.folder / ".codex" / "archived_sessions"
    copies.mkdir()
    (copies / rollout.packed.name).write_bytes(rollout.packed.read_bytes())
    async with running_daemon(home) as daemon:
        assert await counts(daemon, rollout) == expected(rollout)
        rollout.answer(2)
        assert await counts(daemon, rollout) == expected(rollout)
        await daemon.restart()
        assert await counts(daemon, rollout) == expected(rollout)


async def test_a_rollout_that_is_compressed_twice_counts_once(home: Home) -> None:
    rollout = Rollout(home)
    rollout.answer(5)
    rollout.compress()
    copies = home.folder / ".codex" / "archived_sessions"
    copies.mkdir()
    (copies / rollout.packed.name).write_bytes(rollout.packed.read_bytes())
    async with running_daemon(home) as daemon:
        assert await counts(daemon, rollout) == expected(rollout)


async def test_compressed_lines_are_shown_and_explained(home: Home) -> None:
    rollout = Rollout(home)
    rollout.answer(300)
    rollout.compress()
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        block = await client.block_at(rollout.packed)
        assert block is not None
        tail = await client.ask(
            "blocks.tail", BlocksTailResult, block_id=block.block_id, lines=2
        )
        assert [json.loads(each)["payload"]["response_id"] for each in tail.lines] == [
            f"resp_{rollout.thread}_{number}" for number in (299, 300)
        ]
        told = await client.ask(
            "sessions.explain", SessionsExplainResult, session_id=rollout.thread
        )
        assert told.tokens == told.booked
        assert told.blocks[0].lines == rollout.lines


async def test_a_lost_database_is_filled_again_from_compressed_files(
    home: Home,
) -> None:
    rollout = Rollout(home)
    rollout.answer(30)
    rollout.compress()
    async with running_daemon(home) as daemon:
        await daemon.sync()
        async with daemon.connected() as client:
            before = await client.block_at(rollout.packed)

        await daemon.kill()
        for each in home.state.glob("jarvisd.db*"):
            each.unlink()

        await daemon.start()
        assert await counts(daemon, rollout) == expected(rollout)
        async with daemon.connected() as client:
            after = await client.block_at(rollout.packed)

        assert before is not None
        assert after is not None
        assert before.block_id == after.block_id


async def test_damage_is_told_and_costs_nothing_else(home: Home) -> None:
    damaged, cut, whole = (Rollout(home) for _ in range(3))
    for each in (damaged, cut, whole):
        each.answer(20)
        each.compress()

    damaged.packed.write_bytes(b"\x28\xb5\x2f\xfd rest")
    complete = cut.packed.read_bytes()
    cut.packed.write_bytes(complete[:-10])
    async with running_daemon(home) as daemon:
        assert await counts(daemon, whole) == expected(whole)
        assert damaged.packed.name in await errors(daemon)

        async def is_told() -> bool:
            return "cut short" in (await errors(daemon)).get(cut.packed.name, "")

        await eventually(is_told)
        await daemon.sync()
        health = await daemon.ask("health", HealthResult)
        assert (health.status, health.watch.compressed_files) == ("ok", 2)
        answer = await jarvisctl(home, "doctor")
        advice = " ".join(answer.stdout.decode().split())
        assert "2 compressed rollouts cannot be read to the end" in advice

        cut.packed.write_bytes(complete)
        assert await counts(daemon, cut) == expected(cut)


async def test_a_bomb_does_not_stop_the_daemon(home: Home) -> None:
    bomb, whole = Rollout(home), Rollout(home)
    whole.answer(20)
    whole.compress()
    bomb.path.write_bytes(b"")
    with zstd.open(bomb.packed, "wb", level=9) as file:
        for _ in range(512):
            file.write(bytes(1 << 20))

    bomb.path.unlink()
    async with running_daemon(home) as daemon:
        assert await counts(daemon, whole) == expected(whole)
        assert "expands to more" in (await errors(daemon))[bomb.packed.name]
        assert daemon.peak_bytes() < 150 << 20


async def test_the_library_is_loaded_with_the_first_compressed_file(
    home: Home,
) -> None:
    rollout = Rollout(home)
    rollout.answer(2)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        assert not has_library(daemon)
        rollout.compress()
        await daemon.sync()
        assert has_library(daemon)


@pytest.mark.parametrize("seed", range(30 if IS_LONG else 1))
async def test_whatever_becomes_of_a_rollout_it_counts_once(
    home: Home, seed: int
) -> None:
    chance, rollouts = random.Random(seed), [Rollout(home) for _ in range(4)]
    archive = home.folder / ".codex" / "archived_sessions"
    archive.mkdir()
    async with running_daemon(home) as daemon:
        for _ in range(30):
            each = chance.choice(rollouts)
            if each.path.exists():
                act = chance.choice(
                    (each.answer, each.answer, each.compress, each.move)
                )
            else:
                act = chance.choice((each.unpack, each.move))

            act()
            if chance.random() < 0.15:
                await daemon.kill()
                chance.choice(rollouts).grow_or_shrink()
                await daemon.start()
            elif chance.random() < 0.3:
                await daemon.sync()

        for each in rollouts:
            assert await counts(daemon, each) == expected(each)

        assert await errors(daemon) == {}


async def test_tail_and_explain_report_that_a_file_is_damaged(home: Home) -> None:
    rollout = Rollout(home)
    rollout.answer(3000)
    rollout.compress()
    packed = bytearray(rollout.packed.read_bytes())
    middle = len(packed) // 2
    packed[middle : middle + 200] = b"\xff" * 200
    rollout.packed.write_bytes(packed)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        tail = await jarvisctl(home, "tail", "-n", "1", rollout.thread)
        explain = await jarvisctl(home, "explain", rollout.thread, "--brief")

    for done in (tail, explain):
        assert done.stdout
        assert b"it is damaged" in done.stderr
