"""What a Codex thread spent, from records and running totals, whatever was copied.

Versions without usage records report what the whole thread spent so far, and repeat it.
What such a report adds is answered here line by line, with what fits into a reader's
memory; `rollout_origin` answers whether a record is the thread's own.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from jarvisd.agents._shared.cumulative import CumulativeUsage
from jarvisd.agents.codex.rollout_origin import RolloutOrigin
from jarvisd.agents.codex.usage import RunningTotals
from jarvisd.base.usage import NO_TOKENS, STANDARD, Tokens, Variant
from jarvisd.core.event import Event, UsageReported, UsageSuperseded

MAX_UNNAMED = 16


class RolloutThread(RolloutOrigin, kw_only=True, omit_defaults=True):
    """What must be remembered of one rollout from line to line.

    Attributes:
        by_response: The rollout reports each response; totals are not counted.
        usage: The greatest totals seen.
        superseded: It was said that what was printed of the thread is void.
        printed: What was printed of the thread in all; None in a rollout.
        model: The current model.
        sticky: How the thread is served; *fleeting* is how this turn is.
        unnamed: Responses that came before any model was named.
        version: The version of Codex that writes the rollout now.

    """

    by_response: bool = False
    usage: CumulativeUsage = msgspec.field(default_factory=CumulativeUsage)
    superseded: bool = False
    printed: Tokens | None = None
    model: str | None = None
    sticky: Variant = STANDARD
    fleeting: Variant | None = None
    unnamed: list[str] = msgspec.field(default_factory=list)
    version: str | None = None

    def open_printed(self, thread_id: str) -> None:
        """Record the thread that prints the lines: one stream may hold several."""
        if thread_id != self.thread_id:
            self.thread_id = self.root = thread_id
            self.usage, self.printed = CumulativeUsage(), NO_TOKENS

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
