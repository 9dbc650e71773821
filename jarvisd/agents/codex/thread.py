"""What a Codex thread spent, from records and running totals, whatever was copied.

A rollout begins with a copy of the history that its thread was forked from. Versions
without usage records say what the whole thread spent so far, and repeat it. Two
questions are answered here, both line by line and with what fits into a reader's
memory: whether a record is the thread's own, and what a report of totals adds.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from jarvisd.agents._shared.cumulative import CumulativeUsage
from jarvisd.agents._shared.decode import decode_raw
from jarvisd.agents.codex.shape import RolloutPayload
from jarvisd.agents.codex.usage import RunningTotals
from jarvisd.base.usage import NO_TOKENS, STANDARD, Tokens, Variant
from jarvisd.core.event import Event, UsageReported, UsageSuperseded
from jarvisd.core.origin import SessionId

MAX_UNNAMED = 16

_REPLAY_MS = 1_000
"""A copied history is written within this time of the copy's first line."""


class RolloutThread(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one rollout from line to line.

    Attributes:
        thread_id: Whose rollout it is.
        root: The oldest ancestor known: copies of a report agree in it.
        subagent: Another thread has started this one.
        copies: The rollout may begin with history that is not its own.
        resumed: It goes on from another rollout, and no answer has come since: what it
            reports now was reported there.
        own: The records are the thread's own by now.
        guessed: That is so by time only, so reports within the totals stay suspect.
        own_from_ordinal: Records below this ordinal were copied from an ancestor.
        opened_ms: When the rollout begins.
        announced: The turn that began last, as it was announced.
        by_response: The rollout reports each response; totals are not counted.
        usage: The greatest totals seen.
        superseded: It was said that what was printed of the thread is void.
        printed: What was printed of the thread in all; None in a rollout.
        model: The current model.
        sticky: How the thread is served; *fleeting* is how this turn is.
        unnamed: Responses that came before any model was named.
        version: The version of Codex that writes the rollout now.

    """

    thread_id: str | None = None
    root: str | None = None
    subagent: bool = False
    copies: bool = False
    resumed: bool = False
    own: bool = True
    guessed: bool = False
    own_from_ordinal: int | None = None
    opened_ms: int | None = None
    announced: str | None = None
    by_response: bool = False
    usage: CumulativeUsage = msgspec.field(default_factory=CumulativeUsage)
    superseded: bool = False
    printed: Tokens | None = None
    model: str | None = None
    sticky: Variant = STANDARD
    fleeting: Variant | None = None
    unnamed: list[str] = []
    version: str | None = None

    # Whose records they are

    def open(
        self,
        thread_id: str,
        *,
        forked_from: str | None,
        is_subagent: bool,
        own_from_ordinal: int | None,
        at_ms: int | None,
    ) -> None:
        """Record the thread of the rollout, or the one whose history follows."""
        if self.thread_id is None:
            self.thread_id, self.opened_ms = thread_id, at_ms
            self.root = forked_from or thread_id
            self.subagent = is_subagent
            self.copies = forked_from is not None
            self.own_from_ordinal = own_from_ordinal
        elif thread_id != self.thread_id:
            self.root = forked_from or thread_id
            self.copies = True

        if self.copies and (thread_id != self.thread_id or self.usage.total is None):
            self.own = False

    def open_printed(self, thread_id: str) -> None:
        """Record the thread that prints the lines: one stream may hold several."""
        if thread_id != self.thread_id:
            self.thread_id = self.root = thread_id
            self.usage, self.printed = CumulativeUsage(), NO_TOKENS

    def begin_turn(
        self, turn_id: str | None, *, at_ms: int | None, started_s: int | None = None
    ) -> None:
        """Record that a turn is announced; the first that is not copied ends the copy."""
        self.announced = turn_id
        self._turn(turn_id, at_ms=at_ms, announced=True, started_s=started_s)

    def go_on_with_turn(self, turn_id: str | None, *, at_ms: int | None) -> None:
        """Record the context of a turn: in old versions nothing announces it."""
        self._turn(turn_id, at_ms=at_ms, announced=False, started_s=None)

    def owns(self, ordinal: int | None) -> bool:
        """Whether the record numbered *ordinal* is the thread's own."""
        if self.own_from_ordinal is not None and ordinal is not None:
            return ordinal >= self.own_from_ordinal

        return self.own

    def _turn(
        self,
        turn_id: str | None,
        *,
        at_ms: int | None,
        announced: bool,
        started_s: int | None,
    ) -> None:
        if self.own or self.own_from_ordinal is not None:
            return

        mine = self._is_own_turn(turn_id, announced=announced, started_s=started_s)
        if mine is not None:
            self.own = mine
        elif turn_id is None or turn_id != self.announced or announced:
            self.own = self.guessed = self._is_later(at_ms)

    def _is_own_turn(
        self, turn_id: str | None, *, announced: bool, started_s: int | None
    ) -> bool | None:
        """Whether a turn is own, by its id; None if its id does not show it."""
        turn_ms, thread_ms = _made_ms(turn_id), _made_ms(self.thread_id)
        if turn_id is None or thread_ms is None:
            return None

        if turn_ms is None:  # an id of the random sort, or none of ours
            if not announced or started_s is None:
                return None

            return started_s >= thread_ms // 1000

        if turn_ms == thread_ms and self.subagent:
            return turn_id == self.announced

        return turn_ms >= thread_ms

    def _is_later(self, at_ms: int | None) -> bool:
        if at_ms is None or self.opened_ms is None:
            return False

        return at_ms - self.opened_ms >= _REPLAY_MS

    # How it is served

    @property
    def variant(self) -> Variant:
        """Return how responses are served now."""
        return self.fleeting or self.sticky

    def change_model(self, model: str | None) -> Iterator[UsageReported]:
        """Record the current model; yield it for responses that came before any."""
        names, self.unnamed = self.unnamed, []
        if model is None:
            return

        for response in names:
            yield UsageReported(
                response=response,
                model=model,
                variant=self.variant,
                tokens=NO_TOKENS,
                has_input=False,
                in_context=False,
            )

        self.model = model

    # What was spent

    def count_response(self, usage: UsageReported, *, own: bool) -> Iterator[Event]:
        """Yield the usage of one response; from now on, ignore totals."""
        self.by_response, self.unnamed, self.resumed = True, [], False
        if own:
            yield from self._supersede_printed()
            self._note_unnamed(usage.response)

        yield self._served(usage)

    def count_totals(
        self, report: RunningTotals, *, own: bool, offset: int
    ) -> list[Event]:
        """Return the events of a report of totals, without usage that responses report."""
        found: list[Event] = [report.context]
        tokens = self._spent(report, own=own)
        if tokens is None:
            return found

        if self.printed is not None:
            self.printed += tokens
            usage = UsageReported(
                response=self._printed_key, tokens=self.printed, in_context=False
            )
            found.append(usage)
            return found

        if not self.superseded:
            found += self._supersede_printed()

        if self.by_response:
            return found

        response, model = self._report_name(report.total, offset), report.model
        if model is None:
            model = self.model
            if model is None:
                self._note_unnamed(response)

        variant = report.variant
        if variant is None or variant is STANDARD:
            variant = self.variant

        usage = UsageReported(
            response=response,
            model=model,
            tokens=tokens,
            variant=variant,
            in_context=tokens is report.last,
        )
        found.append(usage)
        return found

    def _spent(self, report: RunningTotals, *, own: bool) -> Tokens | None:
        total, last, usage = report.total, report.last, self.usage
        if total is None:
            return usage.added_alone(last) if own and last is not None else None

        if not total.total:
            if report.overflowed:  # the next totals start from nothing
                usage.total = NO_TOKENS

            return None

        if not own or (self.resumed and usage.total is None):
            usage.total = total
            return None

        if self.guessed and usage.total and total.total <= usage.total.total:
            return None

        return usage.added(total, last)

    def _supersede_printed(self) -> Iterator[UsageSuperseded]:
        if not self.superseded:
            self.superseded = True
            if self.thread_id is not None:
                yield UsageSuperseded(key=self._printed_key)

    @property
    def _printed_key(self) -> str:
        return f"{self.thread_id}:printed"

    def _note_unnamed(self, response: str | None) -> None:
        if (
            response is not None
            and self.model is None
            and self.thread_id
            and len(self.unnamed) < MAX_UNNAMED
        ):
            self.unnamed.append(response)

    def _served(self, usage: UsageReported) -> UsageReported:
        """Return *usage* with the current model and variant where it has none."""
        variant = self.variant if usage.variant is STANDARD else usage.variant
        return replace(usage, model=usage.model or self.model, variant=variant)

    def _report_name(self, total: Tokens | None, offset: int) -> str | None:
        """Return the name that every copy of a report of *total* has.

        Copies have new times, so they are known by the numbers and the oldest ancestor.
        """
        if self.thread_id is None or self.root is None:
            return None

        if total is None:
            return f"@{self.thread_id}:{offset}"

        return (
            f"{self.root}:{total.input}:{total.cache_read}:{total.cache_write_5m}"
            f":{total.output}:{total.reasoning}"
        )


def _made_ms(uuid: str | None) -> int | None:
    """Return the Unix ms in a UUID of version 7, or None for any other id."""
    if uuid is None or len(uuid) != 36 or uuid[14] != "7":
        return None

    try:
        return int(uuid[:8] + uuid[9:13], 16)
    except ValueError:
        return None


class _Spawn(msgspec.Struct, gc=False):
    parent_thread_id: str | None = None


class _Subagent(msgspec.Struct, gc=False):
    thread_spawn: _Spawn | None = None
    other: str | None = None


class _Source(msgspec.Struct, gc=False):
    subagent: _Subagent | str | None = None


def _spawned(source: Raw) -> _Subagent | None:
    found = decode_raw(source, _Source)
    named = None if found is None else found.subagent
    return named if isinstance(named, _Subagent) else None


def parent_in(payload: RolloutPayload) -> SessionId | None:
    """Return the thread that has started the one of *payload*, if any has."""
    spawned = _spawned(payload.source)
    spawn = None if spawned is None else spawned.thread_spawn
    parent = payload.parent_thread_id or (spawn and spawn.parent_thread_id)
    return SessionId(parent) if parent else None


def is_reviewer(payload: RolloutPayload) -> bool:
    """Return True if the thread of *payload* reviews what another one asks for."""
    spawned = _spawned(payload.source)
    return payload.thread_source == "guardian_review" or (
        spawned is not None and spawned.other == "guardian"
    )
