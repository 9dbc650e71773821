"""The daemon is killed while programs save and record, agents write, and sinks are fed.

Two processes save messages of one conversation, one records what a chat program did;
all repeat by key what was not answered. What agents say is recorded too. Segments close
by idleness and by kills, and go to a file and to a collector that now and then refuses
or hangs up. In the end each message is there once, the segments of each session add up
to what was done, and both sinks have each segment, with nothing in it that differs.
A subscriber follows the states of all and comes back after each kill: what it was told
is what the history says in the end.
"""

import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio

from jarvisd.segments.model import Segment
from tests.e2e.home import Home
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile import balance
from tests.hostile.balance import Delivery, Messages
from tests.hostile.crash import damage
from tests.hostile.figures import Figure, part
from tests.hostile.follower import Follower, Past
from tests.hostile.insistent import content
from tests.hostile.talkers import Agent, Done, Sums, chat_sums, programs
from tests.sinks import collector as answers
from tests.sinks.collector import Collector
from tests.storage.building import ask
from tests.support import eventually

KILLS = 200
SEED = 20261121
ALIVE_S = 3.0
"""The longest time between a start and its kill: enough for idle segments and sinks.
One kill in eight or so comes before it is ready."""

AGENTS = 4
SAVERS = ("one", "other")
RECORDER = "chat"

SETTINGS = """
[segments]
idle_s = 1

[conversations]
record = true
consolidation_threshold = 1000000

[[sinks]]
name = "local"
kind = "jsonl"
path = "{file}"

[[sinks]]
name = "net"
kind = "posthog"
host = "{url}"
api_key = "phc_key_of_a_test"
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What all who talked have done, by their names."""

    agents: list[Agent]
    programs: dict[str, Done]

    @property
    def saved(self) -> Iterator[list[str]]:
        """Return what each process saved."""
        for name in SAVERS:
            answered = self.programs[name].answered
            yield [content(name, number) for number in range(answered)]

    @property
    def sums(self) -> Sums:
        """Return what was done, by sessions."""
        done = chat_sums(RECORDER, self.programs[RECORDER].answered)
        for agent in self.agents:
            done += agent.sums()

        return done


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found by the last daemon."""

    said: Said
    conversations: int
    saved: Messages
    spoken: Messages
    segments: list[Segment]
    file: Delivery
    net: Delivery
    past: Past
    damage: str

    @property
    def wrong_sums(self) -> int:
        """Return how many sums of sessions their segments do not add up to."""
        return balance.wrong_sums(self.said.sums, self.segments)


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Kill it two hundred times."""
    kills = part(KILLS, share)
    outcome = await endure(home, kills=kills, seed=SEED)
    programs, closed = outcome.said.programs, outcome.segments
    reasons = Counter(each.reason.value for each in closed)
    return [
        Figure(f"kills (seed {SEED})", kills),
        Figure("requests repeated", sum(each.repeats for each in programs.values())),
        Figure("conversations beyond the two", outcome.conversations - 2, 0),
        *_of_messages("saved by two processes", outcome.saved),
        *_of_messages("of agents", outcome.spoken),
        Figure("calls of a chat program", programs[RECORDER].answered),
        *(Figure(f"segments closed: {why}", n) for why, n in sorted(reasons.items())),
        Figure("sums that segments do not add up to", outcome.wrong_sums, 0),
        Figure("sessions misnumbered", balance.misnumbered(closed), 0),
        *_of_sink("file", outcome.file),
        *_of_sink("collector", outcome.net),
        Figure("transitions told", outcome.past.told),
        Figure("transitions told twice", outcome.past.doubled, 0),
        Figure("transitions told that are not stored so", outcome.past.unknown, 0),
        Figure("transitions stored and never told", outcome.past.missing, 0),
        Figure("transitions told out of order", outcome.past.misplaced, 0),
        Figure(
            f"damage found in the store: {outcome.damage}", outcome.damage != "ok", 0
        ),
    ]


async def endure(home: Home, *, kills: int, seed: int) -> Outcome:
    """Kill a daemon *kills* times while all talk to it; compare in the end."""
    chance, collector = random.Random(seed), Collector()
    file = home.folder / "segments.jsonl"
    with collector.running():
        home.configure(SETTINGS.format(file=file, url=collector.url))
        collector.answer = _moody(random.Random(seed + 1))
        async with running_daemon(home) as daemon:
            follower = Follower(daemon.socket)
            async with (
                _talking(daemon, seed + 2) as said,
                _following(follower, random.Random(seed + 3)),
            ):
                for _ in range(kills):
                    await anyio.sleep(chance.uniform(0, ALIVE_S))
                    await daemon.kill()
                    daemon.spawn()

                await daemon.answering()

            collector.answer = answers.well
            await _settled(daemon)
            saved, spoken, conversations = await _messages(daemon, said)
            async with daemon.connected() as client:
                segments = await balance.all_segments(client)
                past = await follower.past(client)

            await daemon.kill()

    return Outcome(
        said=said,
        conversations=conversations,
        saved=saved,
        spoken=spoken,
        segments=segments,
        file=balance.compare_file(file, segments),
        net=balance.compare_events(collector.events, segments),
        past=past,
        damage=damage(home),
    )


@asynccontextmanager
async def _talking(daemon: Daemon, seed: int) -> AsyncIterator[Said]:
    """Let all talk during the block; afterwards they have said what they did."""
    names = [f"agent-{number}" for number in range(AGENTS)]
    agents = [Agent(name, daemon.home.transcript(session=name)) for name in names]
    said = Said(agents, {})
    work = dict.fromkeys(SAVERS, "save") | {RECORDER: "record"}
    with programs(work, socket=daemon.socket, environ=daemon.environ) as started:
        async with anyio.create_task_group() as tasks:
            for number, agent in enumerate(agents):
                tasks.start_soon(agent.work, random.Random(seed + number))

            yield said
            tasks.cancel_scope.cancel()

        for program in started:
            said.programs[program.name] = await program.ended()


@asynccontextmanager
async def _following(follower: Follower, chance: random.Random) -> AsyncIterator[None]:
    """Subscribe *follower* to states during the block."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower.follow, chance)
        yield
        tasks.cancel_scope.cancel()


def _moody(chance: random.Random) -> answers.Answer:
    """Return what takes most requests well, refuses some, and hangs up on others.

    What is refused counts as never received.
    """
    moods = [answers.well] * 8 + [answers.hang_up, _refuse]

    def answer(collector: Collector, connection: socket.socket) -> None:
        chance.choice(moods)(collector, connection)

    return answer


def _refuse(collector: Collector, connection: socket.socket) -> None:
    collector.received.remove(collector.request)
    answers.status(503)(collector, connection)


async def _settled(daemon: Daemon) -> None:
    """Close what is still open by a stop, and let sinks have it all, or not in time."""
    await daemon.sync()
    assert await daemon.terminate() == 0
    await daemon.start()
    path = daemon.home.state / "jarvisd.db"
    with suppress(TimeoutError):
        await eventually(
            lambda: ask(path, "SELECT count(*) FROM outbox") == [(0,)],
        )


async def _messages(daemon: Daemon, said: Said) -> tuple[Messages, Messages, int]:
    """Return what was saved and spoken, and how many conversations there are."""
    found: list[str] = []
    async with daemon.connected() as client:
        conversations = await balance.all_conversations(client)
        for each in conversations:
            found += await balance.all_messages(client, each.conversation_id)

    saved = balance.compare_messages(said.saved, found)
    spoken = balance.compare_messages([each.said() for each in said.agents], found)
    return saved, spoken, len(conversations)


def _of_messages(whose: str, messages: Messages) -> list[Figure]:
    return [
        Figure(f"messages {whose}", messages.expected),
        Figure(f"messages {whose}, lost", messages.lost, 0),
        Figure(f"messages {whose}, doubled", messages.doubled, 0),
        Figure(f"messages {whose}, out of order", messages.misplaced, 0),
    ]


def _of_sink(name: str, delivery: Delivery) -> list[Figure]:
    return [
        Figure(f"{name}: records, with repeats", delivery.received),
        Figure(f"{name}: segments that it lacks", delivery.missing, 0),
        Figure(f"{name}: records of no segment", delivery.unknown, 0),
        Figure(f"{name}: records that differ", delivery.differing, 0),
    ]
