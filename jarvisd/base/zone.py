"""The user's time zone: its name, without an import that takes time, and its days."""

import os
from collections.abc import Mapping

TYPE_CHECKING = False  # what typing has, without importing it
if TYPE_CHECKING:
    from datetime import tzinfo

_LOCALTIME = "/etc/localtime"
_POSIX = (
    r"(?:[A-Za-z]{3,16}|<[A-Za-z0-9+-]{3,16}>)[+-]?\d[\d:]{0,8}"
    r"(?P<summer>(?:[A-Za-z]{3,16}|<[A-Za-z0-9+-]{3,16}>)(?:[+-]?\d[\d:]{0,8})?)?"
    r"(?P<rule>,[JM\d./:+-]{1,32},[JM\d./:+-]{1,32})?"
)
"""What POSIX lets `TZ` be instead of a name: `JST-9`, `EST5EDT,M3.2.0,M11.1.0`."""

_USUAL_RULE = ",M3.2.0,M11.1.0"
"""What libc assumes where a summer time is named without its days."""

_EMPTY = bytes(15) + (0).to_bytes(4) * 4 + (1).to_bytes(4) * 2 + bytes(6 + 1)
"""A file of a zone behind its magic, with one type and no transition."""


def local_zone(environ: Mapping[str, str]) -> str:
    """Return the name of this user's zone; UTC where the system does not tell.

    It is the name of a file of zones, or a rule as POSIX writes it.
    """
    named = environ.get("TZ", _LOCALTIME).removeprefix(":")
    if not named.startswith("/"):
        return named or "UTC"  # as libc has it

    return _below_zoneinfo(named) or _below_zoneinfo(os.path.realpath(named)) or "UTC"


def zone_named(name: str) -> "tzinfo":
    """Return the time zone *name*, which may be a rule as POSIX writes it.

    Raises:
        ValueError: There is none.

    """
    import re  # noqa: PLC0415 - most commands need no zone
    import zoneinfo  # noqa: PLC0415 - as needed
    from io import BytesIO  # noqa: PLC0415 - as needed

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        found = re.fullmatch(_POSIX, name)

    if found is None:
        raise ValueError(_unknown(name))

    rule = name + _USUAL_RULE if found["summer"] and not found["rule"] else name
    block = b"TZif2" + _EMPTY
    try:
        return zoneinfo.ZoneInfo.from_file(BytesIO(block * 2 + f"\n{rule}\n".encode()))
    except ValueError:
        raise ValueError(_unknown(name)) from None


def _unknown(name: str) -> str:
    return f"there is no time zone `{name}` on this machine"


def _below_zoneinfo(path: str) -> str | None:
    _, found, name = path.partition("/zoneinfo/")
    return name.removeprefix("posix/").removeprefix("right/") if found else None
