"""The pause after a failed delivery: exponential, with jitter."""

from typing import Final

MIN_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 900.0
_MAX_DOUBLINGS: Final = 10


def pause_s(earlier: int, jitter: float) -> float:
    """Return the pause in seconds after a failure with *earlier* ones before it.

    It doubles from a second to a quarter of an hour. *jitter*, 0 to 1, subtracts up to
    half of it, so that deliveries that failed together do not retry together.
    """
    whole = min(MAX_PAUSE_S, MIN_PAUSE_S * 2.0 ** min(earlier, _MAX_DOUBLINGS))
    return max(MIN_PAUSE_S, whole * (1 - jitter / 2))
