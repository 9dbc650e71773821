"""The bases of params and results, and field types that many methods share.

Each method is one Params Struct and one Result Struct. Fields are only ever added:
a new parameter has a default, a new result field is ignored by old clients. Whole
numbers are integers, absent is null, enumerations are lower-case words; units end a
name as everywhere.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""A non-negative integer that every JSON decoder and SQLite can represent."""

Text = Annotated[str, msgspec.Meta(max_length=4096)]

Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$|^\d{8}$")]
"""A date, as 2026-11-21 or 20261121."""

AgentName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a request; an unknown field is refused, by name."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a request."""


class Done(Result, frozen=True, kw_only=True):
    """The request was carried out; it has no other result."""

    ok: bool = True


Method = Callable[[Any], Awaitable[object]]
"""What answers the params of one method with its result."""


class DayRange(Params, frozen=True, kw_only=True):
    """The scope of a report: the days from *since* to *until*, inclusive, of one *agent*.

    Days are those of the time zone *tz*, an IANA name or a POSIX rule.
    """

    since: Day | None = None
    until: Day | None = None
    tz: Text = "UTC"
    agent: str | None = None
