"""The real daemon and its sinks: configured, killed, healthy and not."""

import json
import stat
from collections import Counter
from functools import partial
from pathlib import Path
from socket import socket

import pytest

from jarvisd.overview.health_wire import HealthResult
from jarvisd.sinks.wire import SinkHealth
from tests.e2e.home import Home
from tests.e2e.rig import Daemon, running_daemon
from tests.sinks import collector as answers
from tests.sinks.collector import Collector
from tests.sinks.records import ids, put_directly
from tests.storage.building import ask
from tests.support import eventually

RECORDS = 1_200
KILLS = 5
KEY = "phc_key_of_a_test"


def configure(home: Home, *, url: str | None = None) -> Path:
    """Configure a file, and a collector at *url*; return the file."""
    file = home.folder / "segments.jsonl"
    local = f'[[sinks]]\nname = "local"\nkind = "jsonl"\npath = "{file}"\n'
    net = f'[[sinks]]\nname = "net"\nkind = "posthog"\nhost = "{url}"\n'
    home.configure(local + (f'{net}api_key = "{KEY}"\n' if url else ""))
    return file


async def fill(home: Home, *sinks: str, count: int) -> None:
    """Leave *count* records waiting in the store of a daemon that does not run."""
    async with running_daemon(home):
        pass

    put_directly(home.state / "jarvisd.db", [*sinks], count=count)


async def health(daemon: Daemon, name: str) -> SinkHealth:
    answer = await daemon.ask("health", HealthResult)
    [found] = [each for each in answer.sinks if each.name == name]
    return found


async def all_delivered(home: Home) -> None:
    path = home.state / "jarvisd.db"
    await eventually(lambda: ask(path, "SELECT count(*) FROM outbox") == [(0,)])


def silent_each_third_time(collector: Collector, connection: socket) -> None:
    is_third = len(collector.received) % 3 == 0
    (answers.hang if is_third else answers.well)(collector, connection)


def told(file: Path) -> list[str]:
    return [json.loads(line)["segment_id"] for line in file.read_text().splitlines()]


async def test_by_default_there_is_no_sink(home: Home) -> None:
    async with running_daemon(home) as daemon:
        assert (await daemon.ask("health", HealthResult)).sinks == []


async def test_a_file_gets_what_waited(home: Home) -> None:
    file = configure(home)
    await fill(home, "local", count=250)

    async with running_daemon(home):
        await all_delivered(home)

    assert told(file) == ids(250)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_whenever_it_is_killed_each_record_arrives_and_is_counted_once(
    home: Home,
) -> None:
    collector = Collector()
    collector.answer = silent_each_third_time

    def is_silent(times: int) -> bool:
        return len(collector.received) == 3 * times

    with collector.running():
        file = configure(home, url=collector.url)
        await fill(home, "local", "net", count=RECORDS)
        async with running_daemon(home) as daemon:
            for kill in range(1, KILLS + 1):
                await eventually(partial(is_silent, kill))
                await daemon.restart()

            collector.answer = answers.well
            await all_delivered(home)

    assert set(collector.insert_ids) == set(told(file)) == set(ids(RECORDS))
    # What the collector takes for one event, it was told in the same words.
    by_uuid = {each["uuid"]: each for each in collector.events}
    assert len(by_uuid) == RECORDS
    assert all(by_uuid[each["uuid"]] == each for each in collector.events)
    # A kill repeats at most the batch under way.
    assert len(told(file)) <= RECORDS + 100 * KILLS
    assert len(collector.events) <= RECORDS + 100 * KILLS


async def test_a_collector_that_fails_is_told_and_disturbs_nothing(home: Home) -> None:
    collector = Collector()
    collector.answer = answers.status(503)
    with collector.running():
        file = configure(home, url=collector.url)
        await fill(home, "local", "net", count=3)
        async with running_daemon(home) as daemon:

            async def is_told() -> bool:
                found = await daemon.ask("health", HealthResult)
                return "sink_failing" in [each.kind for each in found.problems]

            await eventually(is_told)
            failing = await health(daemon, "net")
            answer = await daemon.ask("health", HealthResult)
            assert answer.status == "ok"
            assert failing.waiting == 3
            assert failing.oldest_ms is not None
            assert failing.failing_since_ms is not None
            assert failing.error == f"{collector.url} answers 503"

            collector.answer = answers.well
            await all_delivered(home)

    assert told(file) == ids(3)
    assert collector.insert_ids[-3:] == ids(3)


@pytest.mark.parametrize("answer", [answers.hang, answers.drip])
async def test_a_daemon_stops_in_time_whatever_a_collector_does(
    home: Home, answer: answers.Answer
) -> None:
    collector = Collector()
    collector.answer = answer
    with collector.running():
        configure(home, url=collector.url)
        await fill(home, "net", count=1)
        async with running_daemon(home) as daemon:
            await eventually(lambda: len(collector.received) == 1)

            assert await daemon.terminate() == 0


async def test_no_key_and_no_record_is_logged(home: Home) -> None:
    collector = Collector()
    collector.answer = answers.status(401)
    with collector.running():
        configure(home, url=collector.url)
        home.configure('log_level = "debug"\n' + home.config.read_text())
        await fill(home, "net", count=1)
        async with running_daemon(home) as daemon:

            async def failed() -> bool:
                return (await health(daemon, "net")).error is not None

            await eventually(failed)

            assert "sink.failed" in daemon.log()
            assert KEY not in daemon.log()
            assert "session-0" not in daemon.log()
            assert "client-a" not in daemon.log()


async def test_each_record_is_counted_once_however_often_it_was_told(
    home: Home,
) -> None:
    """The file of a user who counts by the record's id, as docs/sinks.md says."""
    file = configure(home)
    await fill(home, "local", count=5)
    async with running_daemon(home):
        await all_delivered(home)

    put_directly(home.state / "jarvisd.db", ["local"], count=5)
    async with running_daemon(home):
        await all_delivered(home)

    assert Counter(told(file)) == dict.fromkeys(ids(5), 2)
    assert len(set(told(file))) == 5
