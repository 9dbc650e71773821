"""Times without a zone that an agent wrote in the local time of its machine."""

from datetime import datetime

from jarvisd.agents._shared.decode import unix_ms


def local_ms(stamp: str | float | None) -> int | None:
    """Return the time of *stamp*, in the zone of this machine if it names none.

    Logs of another machine are off by the difference of the zones.
    """
    if not isinstance(stamp, str):
        return unix_ms(stamp)

    try:
        moment = datetime.fromisoformat(stamp)
        return unix_ms(moment.timestamp())  # of a naive time by the zone of the system
    except (ValueError, OverflowError, OSError):
        return None
