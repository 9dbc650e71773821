"""Finds the user's time zone and loads zones, without slow imports at the start."""

import os
from collections.abc import Mapping

TYPE_CHECKING = False  # as in typing, without importing it
if TYPE_CHECKING:
    from datetime import tzinfo

_LOCALTIME = "/etc/localtime"
_POSIX = (
    r"(?:[A-Za-z]{3,16}|<[A-Za-z0-9+-]{3,16}>)[+-]?\d[\d:]{0,8}"
    r"(?P<summer>(?:[A-Za-z]{3,16}|<[A-Za-z0-9+-]{3,16}>)(?:[+-]?\d[\d:]{0,8})?)?"
    r"(?P<rule>,[JM\d./:+-]{1,32},[JM\d./:+-]{1,32})?"
)
"""A rule that POSIX allows for `TZ`: `JST-9`, `EST5EDT,M3.2.0,M11.1.0`."""

_DEFAULT_RULE = ",M3.2.0,M11.1.0"
"""The days of summer time that libc assumes if a rule names none."""

_EMPTY = bytes(15) + (0).to_bytes(4) * 4 + (1).to_bytes(4) * 2 + bytes(6 + 1)
"""The content of a zone file after its magic, with one type and no transition."""


def local_zone(environ: Mapping[str, str]) -> str:
    """Return the name of this user's zone; UTC if the system has no setting.

    It is the name of a zone file, or a POSIX rule.
    """
    named = environ.get("TZ", _LOCALTIME).removeprefix(":")
    if not named.startswith("/"):
        return named or "UTC"  # libc treats an empty TZ as UTC

    return _below_zoneinfo(named) or _below_zoneinfo(os.path.realpath(named)) or "UTC"


def zone_named(name: str) -> "tzinfo":
    """Return the time zone *name*, which may be a POSIX rule.

    Raises:
        ValueError: There is no such zone.

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

    rule = name + _DEFAULT_RULE if found["summer"] and not found["rule"] else name
    # zoneinfo reads rules only from the footer of a zone file, so a file without
    # transitions is built: the block occurs twice, for 32-bit and 64-bit times.
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
