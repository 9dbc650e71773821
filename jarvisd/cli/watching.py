"""The states of sessions as they are now, kept up over restarts of the daemon.

Used like `feed.Feed`: `wait_on` says what to select on, `refresh` takes what has come.
A transition only says that something is new; what is, is asked for as one list.
"""

from collections.abc import Iterable

from jarvisd.base.errors import JarvisError
from jarvisd.cli import wall_clock
from jarvisd.cli.daemon_connection import DaemonConnection
from jarvisd.cli.feed import FIRST_PAUSE_S, LONGEST_PAUSE_S, MAX_TAKEN
from jarvisd.cli.output.titles import Titles, of_session
from jarvisd.rpc.client_wire import Subscribe, SubscribeResult
from jarvisd.state.wire import LiveSession, StatesList, StatesListResult

LIST_EVERY_S = 5.0
"""What wants attention may change without a transition."""

ANSWER_TIMEOUT_S = 5.0


class StatesFeed:
    """What the daemon reports of its sessions.

    Attributes:
        sessions: Those that are alive or recent, those in need first.
        now_ms: The daemon's time of that list.
        trouble: Why the list is old; None while the daemon is there.
        is_loaded: Whether there ever was a list.
        titles: What sessions are called; see `learn_titles`.

    """

    def __init__(self, path: str, chosen: StatesList) -> None:
        """Prepare; nothing is asked before `refresh`. *chosen* are the filters."""
        self.sessions: list[LiveSession] = []
        self.now_ms = 0
        self.trouble: JarvisError | None = None
        self.is_loaded = False
        self.titles = Titles()
        self._path = path
        self._chosen = chosen
        self._connection: DaemonConnection | None = None
        self._pause_s = FIRST_PAUSE_S
        self._due_at = 0.0

    def wait_on(self) -> list[int]:
        """Return the descriptors that become readable when there is news."""
        return [] if self._connection is None else [self._connection.fileno()]

    def due_in_s(self) -> float:
        """Return after how long `refresh` has something to do even without news."""
        return max(0.0, self._due_at - wall_clock.monotonic())

    def connect(self) -> None:
        """Connect now; for those who cannot go on without.

        Raises:
            JarvisError: Nobody answers there.

        """
        connection = DaemonConnection(self._path, timeout_s=ANSWER_TIMEOUT_S)
        try:
            connection.call(Subscribe(topics=["states"]), SubscribeResult)
            self._list(connection)
        except BaseException:
            connection.close()
            raise

        self._connection, self.trouble = connection, None
        self._pause_s = FIRST_PAUSE_S

    def refresh(self) -> None:
        """Apply new events; reconnect, or ask for the list, when it is time."""
        try:
            if self._connection is None:
                if wall_clock.monotonic() >= self._due_at:
                    self.connect()
            elif (
                self._has_news(self._connection)
                or wall_clock.monotonic() >= self._due_at
            ):
                self._list(self._connection)
        except JarvisError as exc:
            self._stumbled(exc)

    def learn_titles(self, shown: Iterable[LiveSession]) -> None:
        """Ask for the first words of *shown* where they have no title."""
        if self._connection is None:
            return

        try:
            self.titles.learn(self._connection.call, map(of_session, shown))
        except JarvisError as exc:
            self._stumbled(exc)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _stumbled(self, error: JarvisError) -> None:
        self.close()
        self.trouble = error
        self._due_at = wall_clock.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _has_news(self, connection: DaemonConnection) -> bool:
        methods = set()
        for _ in range(MAX_TAKEN):
            notice = connection.notice(0.0)
            if notice is None:
                break

            methods.add(notice.method)
        return bool(methods - {"ping"})

    def _list(self, connection: DaemonConnection) -> None:
        listed = connection.call(self._chosen, StatesListResult)
        self.sessions, self.now_ms = listed.sessions, listed.now_ms
        self.is_loaded = True
        self._due_at = wall_clock.monotonic() + LIST_EVERY_S
