"""Turns by the status of a session, which agents write beside its messages.

A document with the status is written for other reasons too, and comes in no order with
the messages, so the last status is remembered, and whether the messages opened a turn.
"""

from collections.abc import Iterator

import msgspec

from jarvisd.core.event import (
    ApprovalAnswered,
    ApprovalRequested,
    Event,
    Interrupted,
    TurnEnded,
    TurnStarted,
)

_NOTHING: frozenset[str] = frozenset()


class StatusWords(msgspec.Struct, frozen=True, kw_only=True):
    """The words of an agent: a status of one session.

    Attributes:
        running: The agent is at work.
        pending: A person is asked for permission.
        over: The turn is over.
        interrupted: It is over because somebody or something cut it short.

    """

    running: str
    pending: str
    over: frozenset[str]
    interrupted: frozenset[str] = _NOTHING


class StatusMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The status that was written last, and whether messages opened a turn."""

    status: str = ""
    is_open: bool = False

    def change_to(
        self, status: str, words: StatusWords, *, cut_short: str = ""
    ) -> Iterator[Event]:
        """Yield the events of a change to *status*; none if it is the same.

        *cut_short* is the reason if the turn was cut short, whatever the status.
        """
        before, self.status = self.status, status
        if status == before:
            return

        at_work = {words.running, words.pending}
        if status in at_work and before not in at_work and not self.is_open:
            self.is_open = True
            yield TurnStarted()

        if status == words.pending:
            yield ApprovalRequested()
        elif before == words.pending:
            yield ApprovalAnswered()

        if cut_short or status in words.interrupted:
            yield Interrupted(reason=cut_short or status)

        if cut_short or status in words.over or status in words.interrupted:
            self.is_open = False
            yield TurnEnded()
