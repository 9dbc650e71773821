"""Merges copies of one thing into one row.

Each merge is commutative, associative and idempotent, so totals do not depend on
which copy was read first, nor on how often. Rules: docs/internals/ledger.md.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar, overload

from msgspec.structs import replace

from jarvisd.base.usage import STANDARD, Variant
from jarvisd.core.event import Outcome
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import (
    VOID_RANK,
    CallRow,
    MarkRow,
    ResponseRow,
    Row,
    parser_of,
)

R = TypeVar("R", ResponseRow, CallRow, MarkRow)

_OUTCOMES = (None, Outcome.OK, Outcome.ERROR, Outcome.DENIED)
_TIERS = ("standard", "priority", "flex", "batch")


@overload
def merged(old: ResponseRow, new: ResponseRow) -> ResponseRow: ...
@overload
def merged(old: CallRow, new: CallRow) -> CallRow: ...
@overload
def merged(old: MarkRow, new: MarkRow) -> MarkRow: ...
@overload
def merged(old: Row, new: Row) -> Row: ...
def merged(old: Row, new: Row) -> Row:
    """Return the row that the copies *old* and *new* of one thing merge into."""
    if old.version != new.version:
        old, new = sorted((old, new), key=_version)
        newer_parser = parser_of(old.version) != parser_of(new.version)
        if newer_parser or _is_replaced(old, new):
            return new

    if type(old) is not type(new):
        raise TypeError(f"{type(old).__name__} is no copy of {type(new).__name__}")

    row: Row = _MERGES[type(old)](old, new)
    return row


def _merged_responses(old: ResponseRow, new: ResponseRow) -> ResponseRow:
    owner, named = _owner(old, new), _named(old, new)
    if owner.rank == VOID_RANK:
        return owner

    row = replace(
        owner,
        at_ms=_earliest(old.at_ms, new.at_ms),
        model=named.model,
        model_ms=named.model_ms,
        variant=_most_expensive(old.variant, new.variant),
        input_cached=max(old.input_cached, new.input_cached),
        input_bare=max(old.input_bare, new.input_bare),
        cache_write_flat=max(old.cache_write_flat, new.cache_write_flat),
        counts=old.counts.greatest(new.counts),
        web_searches=max(old.web_searches, new.web_searches),
        latency_ms=_latency_ms(old, new),
    )
    # In two steps: a call with more than fifteen keywords makes a dict of them first.
    return replace(
        row,
        branch=min((old.at_ms, old.branch), (new.at_ms, new.branch), key=_begun)[1],
        stated_micros=_latest(old.stated_micros, new.stated_micros),
    )


def _latency_ms(old: ResponseRow, new: ResponseRow) -> float | None:
    """Return the latency of the earliest copy; of copies of one time, the least."""
    if old.latency_ms is None and new.latency_ms is None:
        return None

    return min(old, new, key=_answered).latency_ms


def _answered(row: ResponseRow) -> tuple[float, float]:
    """Return a key of which the least is that of the first line of a response."""
    at_ms, latency_ms = row.at_ms, row.latency_ms
    return (
        math.inf if at_ms is None else at_ms,
        math.inf if latency_ms is None else latency_ms,
    )


def _merged_calls(old: CallRow, new: CallRow) -> CallRow:
    owner, named = _owner(old, new), _called(old, new)
    return replace(
        owner,
        branch=min(
            (old.called_ms, old.branch), (new.called_ms, new.branch), key=_begun
        )[1],
        response=named.response,
        tool=named.tool,
        kind=named.kind,
        server=named.server,
        skill=named.skill,
        subagent=named.subagent,
        called_ms=_earliest(old.called_ms, new.called_ms),
        returned_ms=_earliest(old.returned_ms, new.returned_ms),
        measured_ms=_latest(old.measured_ms, new.measured_ms),
        outcome=max(old.outcome, new.outcome, key=_OUTCOMES.index),
    )


def _merged_marks(old: MarkRow, new: MarkRow) -> MarkRow:
    owner = _owner(old, new)
    return replace(
        owner,
        at_ms=_earliest(old.at_ms, new.at_ms),
        branch=min((old.at_ms, old.branch), (new.at_ms, new.branch), key=_begun)[1],
        name=max(old.name or "", new.name or "") or None,
        chars=max(old.chars, new.chars),
    )


def _is_replaced(old: Row, new: Row) -> bool:
    """Whether *new*, of a file that was edited, replaces *old*.

    Copies in other sessions' files were not edited. A result alone does not stand for
    its call.
    """
    if old.session_id != new.session_id or old.rank == VOID_RANK:
        return False

    return not isinstance(new, CallRow) or new.tool is not None


def _version(row: Row) -> int:
    return row.version


def _owner(old: R, new: R) -> R:
    return old if _place(old) <= _place(new) else new


def _place(row: Row) -> tuple[int, int, SessionId, bool, str]:
    account = row.account
    return row.rank, row.start_ms, row.session_id, account is None, account or ""


def _begun(known: tuple[int | None, str | None]) -> tuple[float, bool, str]:
    """Return a key of which the least has the branch on which a thing began."""
    at_ms, branch = known
    return math.inf if at_ms is None else at_ms, branch is None, branch or ""


def _named(old: ResponseRow, new: ResponseRow) -> ResponseRow:
    """Return the row that has a model; of two the one that named it first."""
    mine = (old.model is None, old.model_ms, old.model or "")
    return old if mine <= (new.model is None, new.model_ms, new.model or "") else new


def _called(old: CallRow, new: CallRow) -> CallRow:
    """Return the row that has the call; of two the one with more fields."""
    return max(
        old,
        new,
        key=lambda row: (
            row.tool is not None,
            row.response or 0,
            row.tool or "",
            row.kind,
            row.server or "",
            row.skill or "",
            row.subagent or "",
        ),
    )


def _earliest(old: int | None, new: int | None) -> int | None:
    if old is None or new is None:
        return new if old is None else old

    return min(old, new)


def _latest(old: int | None, new: int | None) -> int | None:
    if old is None or new is None:
        return new if old is None else old

    return max(old, new)


def _most_expensive(old: Variant, new: Variant) -> Variant:
    if old == new or new is STANDARD:
        return old

    return Variant(
        "fast" if "fast" in (old.speed, new.speed) else "standard",
        max(old.tier, new.tier, key=_TIERS.index),
        old.geo_us or new.geo_us,
    )


_MERGES: dict[type, Callable[[Any, Any], Any]] = {
    ResponseRow: _merged_responses,
    CallRow: _merged_calls,
    MarkRow: _merged_marks,
}
