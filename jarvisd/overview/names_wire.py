"""What may be asked about names that people type, before anything is done with them.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Annotated, Literal

import msgspec

from jarvisd.base.ids import BlockId, SessionId
from jarvisd.base.wire_types import Params, Result, Text

MAX_MEANT = 1_000
MAX_SHORTENED = 10_000
LATEST = "@latest"
"""What a name may be instead: the session with the newest line."""


class FiltersCheck(Params, frozen=True, kw_only=True):
    """Ask whether an agent and a project are known, so that no typing error is nothing.

    A project is known if a session worked in it: its path, or the end of one. While
    logs are still read for the first time, no project is refused.
    """

    agent: Text | None = None
    project: Text | None = None


class FiltersCheckResult(Result, frozen=True, kw_only=True):
    """Both are known; what is not, is an error."""

    ok: bool = True


class NamesResolve(Params, frozen=True, kw_only=True):
    """Ask which sessions and blocks a name means.

    It is the id of a block or a session, or the beginning of one; else a project, by
    its path or the end of it; else words, all of which are in a title or, of sessions
    without one, in the first words, which are read from the agents' files and not
    stored. The first of these that anything matches counts. `@latest` is the session
    with the newest line.
    """

    name: Text
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_MEANT)] = 10


class Meant(Result, frozen=True, kw_only=True):
    """A session with the block in which it goes on, or a block that is of no session.

    *block_id* is None while only hooks have reported the session.
    """

    agent: str
    session_id: SessionId | None
    parent_session_id: SessionId | None
    block_id: BlockId | None
    project: str | None
    title: str | None
    last_activity_ms: int | None
    is_over: bool


class NamesResolveResult(Result, frozen=True, kw_only=True):
    """What a name may mean: *total* things, those first that are not over, newest first.

    *by* says what it was taken for, *complete* whether all logs have been read, so that
    nothing more can match.
    """

    by: Literal["id", "project", "words"] | None
    total: int
    meant: list[Meant]
    complete: bool


class IdsShorten(Params, frozen=True, kw_only=True):
    """Ask for the shortest beginning of each id that no other block or session has."""

    ids: Annotated[list[Text], msgspec.Meta(max_length=MAX_SHORTENED)]


class IdsShortenResult(Result, frozen=True, kw_only=True):
    """Beginnings, in the order asked for; none is shorter than four characters."""

    short: list[str]


NAME_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "filters.check": (FiltersCheck, FiltersCheckResult),
    "names.resolve": (NamesResolve, NamesResolveResult),
    "ids.shorten": (IdsShorten, IdsShortenResult),
}
