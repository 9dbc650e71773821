"""Heavy questions: what each takes, and how long others wait while it is asked.

One client asks a heavy question back to back. Two others ask for the line and send a
hook every few milliseconds, as status bars and agents do.
"""

import json
import socket
import time
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, NamedTuple

from benchmarks.corpora import Corpus
from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.figures.reports import SETTLED_S
from benchmarks.home import new_home
from benchmarks.rig import Daemon, running
from benchmarks.rows import Row, percentile

PAUSE_S = 0.002
PATIENCE_S = 60.0
PAGE = 100
MIN_ANSWERS = 3
HOOK = {
    "agent": "claude",
    "payload": {
        "session_id": "00000000-0000-4000-8000-000000000001",
        "hook_event_name": "Stop",
    },
}


class Question(NamedTuple):
    """A question, and what its answer may take with a gigabyte, in ms."""

    name: str
    method: str
    params: dict[str, Any]
    must: float | None = None
    ambition: float | None = None
    is_refused: bool = False


SHORTENED = 500
"""Ids to shorten: those of a long table."""

QUESTIONS = (
    Question("sessions.list, first page", "sessions.list", {"limit": PAGE}, 5, 2),
    Question("sessions.list", "sessions.list", {}),
    Question("blocks.list", "blocks.list", {}),
    Question("report.usage session", "report.usage", {"by": "session"}, 60, 20),
    Question("report.usage project", "report.usage", {"by": "project"}),
    Question("report.windows", "report.windows", {}, 10, 2),
    Question("report.tools", "report.tools", {}, 10, 2),
    Question("states.list", "states.list", {"over": True}),
    Question("names.resolve, beginning of an id", "names.resolve", {"name": "0"}),
    Question("names.resolve, words in nothing", "names.resolve", {"name": "no such"}),
    Question(
        "ids.shorten",
        "ids.shorten",
        {"ids": [f"{number:08x}" for number in range(SHORTENED)]},
    ),
    Question(
        "filters.check, no such project",
        "filters.check",
        {"project": "no such"},
        is_refused=True,
    ),
)


def measure(effort: Effort) -> list[Row]:
    size, count = ("200 MB", "5,000") if effort.quick else ("1 GB", "50,000")
    return [
        *_asked(effort.history(), effort, size, has_targets=True),
        *_asked(effort.sessions(), effort, f"{count} sessions", has_targets=False),
    ]


def _asked(history: Corpus, effort: Effort, of: str, *, has_targets: bool) -> list[Row]:
    with new_home() as home:
        history.link_into(home.folder)
        with running(home) as daemon:
            daemon.read_all()
            time.sleep(SETTLED_S)  # noqa: TID251 - nothing tells of it
            rows = _others(daemon, None, effort, of)
            for question in QUESTIONS:
                rows += _others(daemon, question, effort, of, has_targets=has_targets)

    return rows


def _others(
    daemon: Daemon,
    question: Question | None,
    effort: Effort,
    of: str,
    *,
    has_targets: bool = False,
) -> list[Row]:
    """Return the times of *question*, and those of line and hook meanwhile."""
    over = Event()
    line = _Asker(daemon.home.socket, "line", {}, PAUSE_S, over)
    hook = _Asker(daemon.home.socket, "hook", HOOK, PAUSE_S, over)
    askers = [line, hook]
    if question is not None:
        heavy = _Asker(
            daemon.home.socket,
            question.method,
            question.params,
            0.0,
            over,
            is_refused=question.is_refused,
        )
        askers.append(heavy)

    for each in askers:
        each.start()

    deadline = time.perf_counter() + PATIENCE_S
    time.sleep(effort.seconds(10, 3))  # noqa: TID251 - what is observed is this time
    while question and len(heavy.taken) < MIN_ANSWERS:
        if time.perf_counter() > deadline:
            raise RigError(f"no {MIN_ANSWERS} answers to {question.name}")

        time.sleep(PAUSE_S)  # noqa: TID251 - until there are enough

    over.set()
    for each in askers:
        each.join()

    asked = "nothing else" if question is None else question.name
    return [
        *(
            [
                Row(
                    figure=f"{question.name}, {of}, p50",
                    samples=(percentile(heavy.taken, 50),),
                    unit="ms",
                    must=question.must if has_targets else None,
                    ambition=question.ambition if has_targets else None,
                    observations=len(heavy.taken),
                )
            ]
            if question
            else []
        ),
        *(
            Row(
                figure=f"- {name} while {asked} is asked, p99",
                samples=(percentile(asker.taken, 99),),
                unit="ms",
                must=5 if question else None,
                ambition=2 if question else None,
                observations=len(asker.taken),
            )
            for name, asker in (("line", line), ("hook", hook))
        ),
    ]


@dataclass(slots=True)
class _Asker:
    """A client that asks one thing again and again on a thread, and takes the time.

    Answers are received, not decoded: what that costs here is not the daemon's.
    """

    path: str
    method: str
    params: dict[str, Any]
    pause_s: float
    over: Event
    is_refused: bool = False
    taken: list[float] = field(default_factory=list)
    _error: str = ""
    _thread: Thread = field(init=False)

    def start(self) -> None:
        self._thread = Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        """Wait for the last answer.

        Raises:
            RigError: One was an error, or none where one is expected, or did not come.

        """
        self._thread.join()
        if self._error:
            raise RigError(f"{self.method}: {self._error}")

    def _run(self) -> None:
        asked = {"jsonrpc": "2.0", "id": 1, "method": self.method}
        request = json.dumps(asked | {"params": self.params}).encode() + b"\n"
        room = bytearray(1 << 20)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE_S)
                connection.connect(self.path)
                while not self.over.is_set():
                    self._ask(connection, request, room)
                    self.over.wait(self.pause_s)
        except (OSError, RigError) as exc:
            self._error = str(exc)

    def _ask(self, connection: socket.socket, request: bytes, room: bytearray) -> None:
        started = time.perf_counter()
        connection.sendall(request)
        is_first, size = True, 0
        while is_first or room[size - 1] != ord("\n"):
            size = connection.recv_into(room)
            if not size:
                raise RigError("the daemon closed the connection")

            if is_first and (b'"error":{"code"' in room[:64]) != self.is_refused:
                raise RigError(room[:size].decode(errors="replace")[:200])

            is_first = False

        self.taken.append((time.perf_counter() - started) * 1e3)
