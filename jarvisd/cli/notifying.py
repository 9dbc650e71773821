"""The subscriber behind `jarvisctl notify`: follows transitions, notifies of some, once each.

It follows the topic `states` by number, so that no restart of either side loses any. A
transition is notified when the daemon confirms that it is still so; what is notified is
recorded first, so a kill in between loses one rather than notifying twice.
"""

import fcntl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec.structs import replace

from jarvisd.base import paths
from jarvisd.base.errors import EXIT_ALREADY_RUNNING, JarvisError
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.cli import waiting, wall_clock
from jarvisd.cli.budget_notices import BudgetNotices
from jarvisd.cli.daemon_connection import DaemonConnection, decode
from jarvisd.cli.feed import FIRST_PAUSE_S, LONGEST_PAUSE_S, MAX_TAKEN
from jarvisd.cli.notices import Notice, gathered, notice
from jarvisd.cli.notification_queue import Allowance, Memory, Pending
from jarvisd.cli.output.terminal import report
from jarvisd.rpc.client_wire import (
    Event,
    Subscribe,
    SubscribeResult,
    SubscriptionFilter,
    Topic,
)
from jarvisd.state.model import Transition
from jarvisd.state.wire import LiveSession, StatesList, StatesListResult

OLDEST_MS = 86_400_000
"""Transitions from before a longer absence are not notified."""

ANSWER_TIMEOUT_S = 5.0
CATCH_UP_S = 1.0
JUDGED_S = 15.0
"""A daemon that has just started reads history for 10 s before it judges a session."""

ASK_AGAIN_S = 0.5
SAVE_EVERY_S = 60.0
LONGEST_SLEEP_S = 60.0


class AlreadyNotifyingError(JarvisError):
    """Another notifier runs, and everything would be notified twice."""

    code = "already_notifying"
    exit_status = EXIT_ALREADY_RUNNING

    def __init__(self, path: Path) -> None:
        super().__init__(f"another `jarvisctl notify` runs already ({path} is locked)")


class Diary:
    """The file that says what is settled, and the lock that keeps it ours."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        folder = Path(paths.state_folder(environ))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "notify.json"
        self._lock = _locked(folder / "notify.lock")

    def read(self) -> Memory | None:
        """Return the state that was written last; None if there is none that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Memory)
        except (OSError, msgspec.MsgspecError):
            return None

    def write(self, memory: Memory) -> None:
        """Write *memory*, whole or not at all."""
        new = self._path.with_name(".notify.json.new")
        new.write_bytes(msgspec.json.encode(memory) + b"\n")
        new.replace(self._path)

    def close(self) -> None:
        """Release the lock."""
        self._lock.close()


def _locked(path: Path) -> TextIO:
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise AlreadyNotifyingError(path) from None

    return file


class Notifier:
    """Follows transitions and calls *show* with those that are to be notified."""

    def __init__(
        self,
        path: str,
        pending: Pending,
        budgets: BudgetNotices,
        allowance: Allowance,
        diary: Diary,
        *,
        show: Callable[[Notice], None],
        chosen: SubscriptionFilter,
    ) -> None:
        self._path = path
        self._pending = pending
        self._budgets = budgets
        self._allowance = allowance
        self._diary = diary
        self._show = show
        self._chosen = chosen
        self._connection: DaemonConnection | None = None
        self._pause_s = FIRST_PAUSE_S
        self._try_at = 0.0
        self._begun = False
        self._level = 0
        self._level_until = 0.0
        self._judged_at = 0.0
        self._ask_at = 0.0
        self._written: Memory | None = None
        self._write_at = 0.0

    def run(self) -> None:
        """Notify until the process is ended.

        Raises:
            DaemonUnreachableError: Nobody listens there at the start; later that is
                waited for.

        """
        self._connect()
        try:
            while True:
                self.step()
                on = [] if self._connection is None else [self._connection.fileno()]
                waiting.wait(on, self._sleep_s())
        finally:
            self._write()
            self._hang_up()

    def step(self) -> None:
        """Apply new transitions, and notify of those that are due."""
        try:
            if self._connection is None:
                self._connect()

            if self._connection is not None:
                self._budgets.catch_up(self._connection)  # its events are taken next
                self._take(self._connection)
                self._budgets.notify(before=self._write, show=self._show)
                self._notify_due(self._connection)
        except JarvisError as exc:
            self._stumbled(exc)

        if wall_clock.monotonic() >= self._write_at:
            self._write()

    def _connect(self) -> None:
        if wall_clock.monotonic() < self._try_at:
            return

        connection = DaemonConnection(self._path, timeout_s=ANSWER_TIMEOUT_S)
        try:
            newest = connection.call(StatesList(limit=0), StatesListResult).number
            self._begin(newest)
            topics: list[Topic] = ["states", *self._budgets.topics]
            after = self._pending.last
            params = Subscribe(topics=topics, filter=self._chosen, after=after)
            connection.call(params, SubscribeResult)
            self._budgets.is_behind = True
        except BaseException:
            connection.close()
            raise

        self._level = newest if self._pending.last < newest else 0
        self._level_until = wall_clock.monotonic() + CATCH_UP_S
        self._judged_at = wall_clock.monotonic() + JUDGED_S
        self._connection, self._pause_s = connection, FIRST_PAUSE_S

    def _begin(self, newest: int) -> None:
        """Decide once where notifying begins: where we left off, else now."""
        if self._begun:
            return

        self._begun = True
        left_off = self._diary.read() or Memory(after=newest)
        oldest = wall_clock.unix_ms() - OLDEST_MS
        self._pending.remember(replace(left_off, after=max(left_off.after, oldest)))
        self._budgets.last = left_off.warned

    def _take(self, connection: DaemonConnection) -> None:
        for _ in range(MAX_TAKEN):
            message = connection.notice(0.0)
            if message is None:
                return

            if message.method != "event":
                continue

            event = decode("event", message.params, Event)
            if event.topic == "states":
                self._pending.take(decode("event", event.data, Transition))
            else:
                self._budgets.apply(event.data)

    def _notify_due(self, connection: DaemonConnection) -> None:
        now_ms = wall_clock.unix_ms()
        left = self._allowance.left(now_ms)
        if not left or not self._is_caught_up or wall_clock.monotonic() < self._ask_at:
            return

        found = self._found(connection, self._pending.due(now_ms))
        due = [each for each, _ in found]
        notices = [notice(*pair) for pair in found if _is_news(*pair)]
        if not due:
            return

        self._pending.settle(due)
        self._write()
        singles, rest = notices[: left - 1], notices[left - 1 :]
        for each in [*singles, *([gathered(rest)] if rest else [])]:
            self._allowance.spend(now_ms)
            self._show(each)

    @property
    def _is_caught_up(self) -> bool:
        """Whether what we missed has come: only then is it known what is still so."""
        return self._pending.last >= self._level or (
            wall_clock.monotonic() >= self._level_until
        )

    def _found(
        self, connection: DaemonConnection, due: list[Transition]
    ) -> list[tuple[Transition, LiveSession | None]]:
        """Return those of *due* that can be settled, each with its session.

        A daemon that has just started has not judged all sessions: until it has, no
        need counts as answered.
        """
        live = _live(connection) if due else {}
        found = [(each, live.get((each.agent, each.session_id))) for each in due]
        if wall_clock.monotonic() < self._judged_at:
            judged = [pair for pair in found if _is_judged(pair[1])]
            if len(judged) < len(found):
                self._ask_at = wall_clock.monotonic() + ASK_AGAIN_S

            return judged

        return found

    def _sleep_s(self) -> float:
        """Return how long there is nothing to do, but for news."""
        if self._connection is None:
            return max(0.0, self._try_at - wall_clock.monotonic())

        now_ms = wall_clock.unix_ms()
        due_ms = self._pending.next_ms(now_ms)
        if due_ms is None:
            return self._budgets.wait_s or LONGEST_SLEEP_S

        if not self._is_caught_up:
            return max(0.0, self._level_until - wall_clock.monotonic())

        if not self._allowance.left(now_ms):
            due_ms = max(due_ms, self._allowance.next_ms())

        wait_s = max(
            (due_ms - now_ms) / 1000, self._ask_at - wall_clock.monotonic(), 0.0
        )
        return min(wait_s, LONGEST_SLEEP_S)

    def _write(self) -> None:
        self._write_at = wall_clock.monotonic() + SAVE_EVERY_S
        memory = replace(self._pending.memory(), warned=self._budgets.last)
        if self._begun and memory != self._written:
            self._diary.write(memory)
            self._written = memory

    def _stumbled(self, error: JarvisError) -> None:
        if self._connection is not None:
            report(f"waiting for jarvisd: {error}")

        self._hang_up()
        self._try_at = wall_clock.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _live(connection: DaemonConnection) -> dict[tuple[str, SessionId], LiveSession]:
    listed = connection.call(StatesList(over=True), StatesListResult)
    return {(each.agent, each.session_id): each for each in listed.sessions}


def _is_judged(session: LiveSession | None) -> bool:
    return session is not None and session.state.state is not State.UNKNOWN


def _is_news(each: Transition, session: LiveSession | None) -> bool:
    """Whether it is still so, and the session's own: a subagent's is its parent's.

    Of a session that the daemon does not know every need is news.
    """
    if session is None:
        return True

    is_still_so = session.state.state is each.state
    return is_still_so and session.parent_session_id is None
