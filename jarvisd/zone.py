"""The user's time zone by its name; without an import that takes time."""

import os
from collections.abc import Mapping

_LOCALTIME = "/etc/localtime"


def local_zone(environ: Mapping[str, str]) -> str:
    """Return the IANA name of this user's zone; UTC where the system does not tell."""
    named = environ.get("TZ", "").removeprefix(":")
    if named:
        return _below_zoneinfo(named) or named

    return _below_zoneinfo(os.path.realpath(_LOCALTIME)) or "UTC"


def _below_zoneinfo(path: str) -> str | None:
    _, found, name = path.partition("/zoneinfo/")
    return name.removeprefix("posix/").removeprefix("right/") if found else None
