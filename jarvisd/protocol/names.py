"""What may be asked about names that people type, before anything is done with them.

Fields are only ever added, as in `jarvisd.protocol.methods`.
"""

import msgspec

from jarvisd.protocol.base import Params, Result, Text


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


NAME_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "filters.check": (FiltersCheck, FiltersCheckResult),
}
