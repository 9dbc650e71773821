"""What `claude -p` prints of a session: a sum for each model, settled by its result.

The lines of a message have the usage of its start, with one token of output or a few:
what was spent is in the line `result` alone, and there for the whole session, with its
subagents and with what it spent before it was resumed. So all that is printed of a
session with one model, by any number of processes, is one row: the sum of what the
messages say until a result comes, and the greatest that results say. The transcript of
the session tells it response by response, and voids the row (`UsageSuperseded`).

Measured on versions 2.1.260 to 2.1.329.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import Raw

from jarvisd.agents._shared.decode import ABSENT, decode_raw
from jarvisd.agents.claude.shape import ModelUsage, ResultLine
from jarvisd.agents.claude.usage import MICROS, report
from jarvisd.base.usage import Tokens
from jarvisd.core.event import ContextMeasured, Event, UsageReported, UsageSuperseded

MAX_SEEN = 64
"""Messages of which lines may still come: those of a dozen subagents at once."""

_NO_TOKENS = Tokens()


class _Counted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a message, or all of one model, took; *written* to caches, split or not."""

    tokens: Tokens = _NO_TOKENS
    written: int = 0
    searches: int = 0

    def greatest(self, other: "_Counted") -> "_Counted":
        """Return the greatest counts of two copies of one message."""
        one, two = self.tokens, other.tokens
        return _Counted(
            Tokens(
                max(one.input, two.input),
                max(one.cache_read, two.cache_read),
                max(one.cache_write_5m, two.cache_write_5m),
                max(one.cache_write_1h, two.cache_write_1h),
                max(one.output, two.output),
                max(one.reasoning, two.reasoning),
            ),
            max(self.written, other.written),
            max(self.searches, other.searches),
        )

    def with_message(self, new: "_Counted", old: "_Counted") -> "_Counted":
        """Return this sum with a message that counted as *old* counting as *new*."""
        return _Counted(
            self.tokens + (new.tokens - old.tokens),
            self.written + new.written - old.written,
            self.searches + new.searches - old.searches,
        )


_NOTHING = _Counted()


class PrintedSession(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of a session that is printed.

    Attributes:
        session_id: Its id; None where nothing is printed.
        sums: What its messages took, by model.
        seen: What the newest of them took; more lines of them may come.

    """

    session_id: str | None = None
    sums: dict[str, _Counted] = {}
    seen: dict[str, _Counted] = {}

    def retell(self, events: Iterable[Event], *, sidechain: bool) -> Iterator[Event]:
        """Yield *events* with the usage of messages as the sum of their model."""
        for event in events:
            if not isinstance(event, UsageReported):
                yield event
            elif event.model is not None:
                if event.in_context and not sidechain:
                    yield ContextMeasured(tokens=_prompt_total(event))

                yield self._sum_with(event, event.model)

    def settle(self, line: ResultLine, model: str | None) -> Iterator[Event]:
        """Yield the usage that the result *line* reports; *model* is the newest one."""
        session_id = line.stdout_session_id
        if session_id is None:
            return

        spent: dict[str, UsageReported] = {}
        models = _models_in(line.model_usage)
        for name, usage in _spent(line, models, model):
            key = printed_key(session_id, name)
            reported = msgspec.structs.replace(usage, response=key, model=name)
            spent[key] = _both(spent[key], reported) if key in spent else reported

        same = self.sums if session_id == self.session_id else {}
        summed = {printed_key(session_id, name) for name in same}
        # A name that no message has may be another name of one that messages have.
        # Where all are known, a model that is left out has not been reported yet.
        if spent and (not models or spent.keys() - summed):
            for key in summed - spent.keys():
                yield UsageSuperseded(key=key)

        yield from spent.values()

    def _sum_with(self, usage: UsageReported, model: str) -> UsageReported:
        assert self.session_id is not None
        name = f"{usage.response}\0{model}"
        old = self.seen.pop(name, _NOTHING)
        new = _counted(usage) if old is _NOTHING else old.greatest(_counted(usage))
        self.seen[name] = new
        if len(self.seen) > MAX_SEEN:
            del self.seen[next(iter(self.seen))]

        plain = _without_window(model)
        found = self.sums.get(plain, _NOTHING).with_message(new, old)
        self.sums[plain] = found
        return msgspec.structs.replace(
            usage,
            response=printed_key(self.session_id, model),
            tokens=found.tokens,
            cache_write_flat=found.written,
            web_searches=found.searches,
            has_cache=True,
            has_input=True,
            in_context=False,
            stated_micros=None,
        )


@lru_cache(64)  # each line of a response asks for it, of the same few sessions
def printed_key(session_id: str, model: str) -> str:
    """Return the response id of the printed usage of a session with *model*."""
    return f"{session_id}:printed:{_without_window(model)}"


def _without_window(model: str) -> str:
    """Return *model* as messages name it; results add the window, as in `[1m]`."""
    return model.partition("[")[0]


def _both(one: UsageReported, two: UsageReported) -> UsageReported:
    """Return the sum of what one model took with two windows."""
    micros = (one.stated_micros, two.stated_micros)
    return msgspec.structs.replace(
        one,
        tokens=one.tokens + two.tokens,
        cache_write_flat=one.cache_write_flat + two.cache_write_flat,
        web_searches=one.web_searches + two.web_searches,
        stated_micros=None if None in micros else sum(each or 0 for each in micros),
    )


class _Spent(NamedTuple):
    model: str
    usage: UsageReported


def _spent(
    line: ResultLine, models: dict[str, ModelUsage], model: str | None
) -> Iterator[_Spent]:
    """Yield the total usage of each of *models*; without any, the total of *model*."""
    for name, usage in models.items():
        if not name:
            continue

        flat = usage.cacheCreationInputTokens or 0
        tokens = Tokens(
            usage.inputTokens or 0,
            usage.cacheReadInputTokens or 0,
            usage.cacheCreationEphemeral5mInputTokens or 0,
            usage.cacheCreationEphemeral1hInputTokens or 0,
            usage.outputTokens or 0,
            usage.thinkingTokens or 0,
        )
        dollars = usage.costUSD
        yield _Spent(
            name,
            UsageReported(
                tokens=tokens,
                cache_write_flat=flat,
                web_searches=usage.webSearchRequests or 0,
                in_context=False,
                stated_micros=None if dollars is None else round(dollars * MICROS),
            ),
        )

    if not models and line.usage is not None and model is not None:
        dollars = line.total_cost_usd
        yield _Spent(
            model,
            report(
                line.usage,
                response=None,
                model=model,
                in_context=False,
                dollars=dollars,
            ),
        )


def _models_in(raw: Raw) -> dict[str, ModelUsage]:
    if raw is ABSENT:
        return {}

    try:
        raws = msgspec.json.decode(raw, type=dict[str, Raw])
    except (ValueError, RecursionError):
        return {}

    found = ((name, decode_raw(each, ModelUsage)) for name, each in raws.items())
    return {name: usage for name, usage in found if usage is not None}


def _counted(usage: UsageReported) -> _Counted:
    split = usage.tokens.cache_write_5m + usage.tokens.cache_write_1h
    written = max(usage.cache_write_flat, split)
    return _Counted(usage.tokens, written, usage.web_searches)


def _prompt_total(usage: UsageReported) -> int:
    return usage.tokens.input + usage.tokens.cache_read + _counted(usage).written
