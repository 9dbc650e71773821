"""What a Codex thread spent, from running totals and in spite of copied history.

Rollouts of older versions say what a whole thread spent so far, repeat it, sometimes
out of order, and begin with a copy of the history that the thread was forked from. Two
questions are answered here, both line by line and with what fits into a checkpoint:
whether a record is the thread's own, and what a report of totals adds.
"""

import msgspec

from jarvisd.base.usage import Tokens
from jarvisd.core.event import ThreadOpened, TotalsReported, TurnStarted

_NO_TOKENS = Tokens()
_REPLAY_MS = 1_000
"""A copied history is written within this time of the copy's first line."""


class Thread(msgspec.Struct, kw_only=True, array_like=True):
    """What must be remembered of one rollout from line to line.

    Attributes:
        thread_id: Whose rollout it is.
        root: The oldest ancestor known: copies of a report agree in it.
        copies: The rollout may begin with history that is not its own.
        own: The records are the thread's own by now.
        guessed: That is so by time only, so reports within *total* stay suspect.
        by_response: The rollout reports each response; totals are not counted.
        total: The greatest totals seen.
        told: A rollout has told usage of its own, and what was printed is void.
        printed: What was printed of the thread in all; None in a rollout.

    """

    thread_id: str | None = None
    root: str | None = None
    subagent: bool = False
    copies: bool = False
    own: bool = True
    guessed: bool = False
    own_from_ordinal: int | None = None
    opened_ms: int | None = None
    announced: str | None = None
    by_response: bool = False
    total: Tokens | None = None
    told: bool = False
    printed: Tokens | None = None

    def opened(self, event: ThreadOpened, at_ms: int | None) -> None:
        """Note whose rollout it is, or whose history follows."""
        if event.printed:
            self._print(event.thread_id)
        elif self.thread_id is None:
            self.thread_id, self.opened_ms = event.thread_id, at_ms
            self.root = event.forked_from or event.thread_id
            self.subagent = event.parent is not None
            self.copies = event.forked_from is not None
            self.own_from_ordinal = event.own_from_ordinal
        elif event.thread_id != self.thread_id:
            self.root = event.forked_from or event.thread_id
            self.copies = True

        if (self.copies and event.thread_id != self.thread_id) or (
            self.copies and self.total is None
        ):
            self.own = False

    def _print(self, thread_id: str) -> None:
        if thread_id != self.thread_id:  # one stream may hold thread after thread
            self.thread_id = self.root = thread_id
            self.total, self.printed = None, _NO_TOKENS

    def turned(self, event: TurnStarted, at_ms: int | None) -> None:
        """Note that a turn starts: the first that is not copied ends the copy."""
        if event.announced:
            self.announced = event.turn_id

        if self.own or self.own_from_ordinal is not None:
            return

        mine = self._is_own(event)
        if mine is not None:
            self.own = mine
        elif (
            event.turn_id is None or event.turn_id != self.announced or event.announced
        ):
            self.own = self.guessed = self._is_later(at_ms)

    def owns(self, ordinal: int | None) -> bool:
        """Whether the record numbered *ordinal* is the thread's own."""
        if self.own_from_ordinal is not None and ordinal is not None:
            return ordinal >= self.own_from_ordinal

        return self.own

    def spent(self, report: TotalsReported, *, own: bool) -> Tokens | None:
        """Return what *report* adds, if anything; *own* False only moves totals."""
        total, last, before = report.total, report.last, self.total
        if total is None:
            return self._added(last) if own else None

        if not total.total:
            if report.overflowed:  # the next totals start from nothing
                self.total = _NO_TOKENS

            return None

        if not own or before is None:
            self.total = total
            return _first(total, last) if own else None

        if total == before or (self.guessed and total.total <= before.total):
            return None

        if total.total < before.total:
            return self._fallen(total, last, before)

        self.total = total
        return last if last is not None and last.total else _minus(total, before)

    def _added(self, last: Tokens | None) -> Tokens | None:
        if last is None or not last.total:
            return None

        self.total = (self.total or _NO_TOKENS) + last
        return last

    def _fallen(
        self, total: Tokens, last: Tokens | None, before: Tokens
    ) -> Tokens | None:
        fall = before.total - total.total
        late = last is not None and fall <= 2 * last.total
        if total.total * 100 >= before.total * 98 or late:
            return None  # an old report that comes late

        self.total = total
        return last if last is not None and last.total else None

    def _is_own(self, event: TurnStarted) -> bool | None:
        """Say by its id whether a turn is own; None if its id does not tell."""
        turn_ms = _made_ms(event.turn_id)
        thread_ms = _made_ms(self.thread_id)
        if event.turn_id is None or thread_ms is None:
            return None

        if turn_ms is None:  # an id of the random sort, or none of ours
            if not event.announced or event.started_s is None:
                return None

            return event.started_s >= thread_ms // 1000

        if turn_ms == thread_ms and self.subagent:
            return event.turn_id == self.announced

        return turn_ms >= thread_ms

    def _is_later(self, at_ms: int | None) -> bool:
        if at_ms is None or self.opened_ms is None:
            return False

        return at_ms - self.opened_ms >= _REPLAY_MS


def _first(total: Tokens, last: Tokens | None) -> Tokens | None:
    """Return what the first report of a rollout adds: a resumed one starts high."""
    if last is None:
        return total

    return last if last.total else None


def _minus(total: Tokens, before: Tokens) -> Tokens:
    output = max(0, total.output - before.output)
    return Tokens(
        max(0, total.input - before.input),
        max(0, total.cache_read - before.cache_read),
        max(0, total.cache_write_5m - before.cache_write_5m),
        max(0, total.cache_write_1h - before.cache_write_1h),
        output,
        min(output, max(0, total.reasoning - before.reasoning)),
    )


def _made_ms(uuid: str | None) -> int | None:
    """Return when an id of version 7, which says so, was made: Unix ms."""
    if uuid is None or len(uuid) != 36 or uuid[14] != "7":
        return None

    try:
        return int(uuid[:8] + uuid[9:13], 16)
    except ValueError:
        return None
