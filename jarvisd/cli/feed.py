"""The blocks as they are now, kept up by a subscription, over restarts of the daemon.

The feed never waits for long: `wait_on` says what to select on, `refresh` takes what
has come. A lost daemon is a state (`trouble`), not an error: the last picture stays,
and the feed tries again with growing pauses.
"""

from collections.abc import Callable, Iterable

from jarvisd.base.errors import JarvisError
from jarvisd.cli import wall_clock
from jarvisd.cli.block_pages import list_blocks
from jarvisd.cli.daemon_connection import DaemonConnection, ServerMessage, decode
from jarvisd.cli.output.titles import Titles, ids_of, of_block
from jarvisd.core.origin import BlockId, BlockView
from jarvisd.core.wire import Backfill
from jarvisd.overview.wire import BlocksList, Status, StatusResult
from jarvisd.rpc.client_wire import (
    Event,
    Subscribe,
    SubscribeResult,
    SubscriptionFilter,
)

INTERVAL_MS = 250
"""Four updates a second of one block are as many as people can follow."""

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 2.0
STATUS_EVERY_S = 2.0
ANSWER_TIMEOUT_S = 5.0
MAX_TAKEN = 1_000
"""So many notifications are taken before the screen is painted again."""


def _ignore(_block: BlockView) -> None: ...


class Feed:
    """What the daemon reports of its blocks.

    Attributes:
        blocks: Every known block by its id, as last received.
        status: The whole picture as of a moment ago; None before the first answer.
        trouble: Why the picture is old; None while the daemon is there.
        titles: What sessions are called; see `learn_titles`.

    """

    def __init__(
        self,
        path: str,
        *,
        chosen: SubscriptionFilter | None = None,
        on_change: Callable[[BlockView], None] = _ignore,
    ) -> None:
        """Prepare; nothing is asked before `refresh`.

        Args:
            path: The socket.
            chosen: Only these blocks.
            on_change: Called with each block that is new or has changed.

        """
        self.blocks: dict[BlockId, BlockView] = {}
        self.status: StatusResult | None = None
        self.trouble: JarvisError | None = None
        self.titles = Titles()
        self._path = path
        self._chosen = chosen
        self._on_change = on_change
        self._connection: DaemonConnection | None = None
        self._pause_s = FIRST_PAUSE_S
        self._try_at = 0.0
        self._ask_at = 0.0

    @property
    def backfill(self) -> Backfill | None:
        """Return how far history is read, where it is known."""
        return self.status.backfill if self.status else None

    @property
    def is_filtered(self) -> bool:
        """Whether only some blocks are followed."""
        return self._chosen not in {None, SubscriptionFilter()}

    @property
    def is_loaded(self) -> bool:
        """Whether the whole picture is known."""
        return self.status is not None

    def wait_on(self) -> list[int]:
        """Return the descriptors that become readable when there is news."""
        return [] if self._connection is None else [self._connection.fileno()]

    def due_in_s(self) -> float:
        """Return after how long `refresh` has something to do even without news."""
        due = self._try_at if self._connection is None else self._ask_at
        return max(0.0, due - wall_clock.monotonic())

    def connect(self) -> None:
        """Connect now; for those who cannot go on without.

        Raises:
            DaemonUnreachableError: Nobody listens there.

        """
        self._connect()

    def refresh(self) -> None:
        """Apply new events; reconnect, or ask for the status, when it is time."""
        try:
            if self._connection is None:
                self._connect()

            if self._connection is not None:
                self._take(self._connection)
        except JarvisError as exc:
            self._stumbled(exc)

    def learn_titles(self, shown: Iterable[BlockView]) -> None:
        """Ask for the first words of *shown* without a title, and for short ids."""
        if self._connection is None:
            return

        try:
            listed = list(shown)
            self.titles.learn(self._connection.call, map(of_block, listed))
            self.titles.learn_ids(self._connection.call, ids_of(listed))
        except JarvisError as exc:
            self._stumbled(exc)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> None:
        if wall_clock.monotonic() < self._try_at:
            return

        connection = DaemonConnection(self._path, timeout_s=ANSWER_TIMEOUT_S)
        try:
            topic = Subscribe(
                topics=["blocks"], filter=self._chosen, interval_ms=INTERVAL_MS
            )
            connection.call(topic, SubscribeResult)
            self._load(connection)
        except BaseException:
            connection.close()
            raise

        self._connection = connection
        self.trouble = None
        self._pause_s = FIRST_PAUSE_S

    def _load(self, connection: DaemonConnection) -> None:
        chosen = self._chosen or SubscriptionFilter()
        # The list is newer than any event received before its first page.
        listed = list_blocks(
            connection.call,
            BlocksList(agent=chosen.agent, project=chosen.project),
            first=connection.forget_notices,
        )
        known = [
            each for each in listed.blocks if chosen.block_id in (None, each.block_id)
        ]
        for gone in self.blocks.keys() - {each.block_id for each in known}:
            del self.blocks[gone]

        for block in known:
            self._learn(block)

    def _take(self, connection: DaemonConnection) -> None:
        for _ in range(MAX_TAKEN):
            notice = connection.notice(0.0)
            if notice is None:
                break

            self._apply(connection, notice)

        if wall_clock.monotonic() >= self._ask_at:
            self.status = connection.call(Status(), StatusResult)
            self._ask_at = wall_clock.monotonic() + STATUS_EVERY_S

    def _apply(self, connection: DaemonConnection, notice: ServerMessage) -> None:
        match notice.method:
            case "event":
                event = decode("event", notice.params, Event)
                if event.topic == "blocks":
                    self._learn(decode("event", event.data, BlockView))

            case "resync":  # we were too slow, and something was left out
                self._load(connection)

    def _learn(self, block: BlockView) -> None:
        if self.blocks.get(block.block_id) != block:
            self.blocks[block.block_id] = block
            self._on_change(block)

    def _stumbled(self, error: JarvisError) -> None:
        self.close()
        self.trouble = error
        self._try_at = wall_clock.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
