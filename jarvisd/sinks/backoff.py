"""How long to leave a sink alone that has failed: pure arithmetic."""

from typing import Final

SHORTEST_S: Final = 1.0
LONGEST_S: Final = 900.0
_DOUBLINGS: Final = 10


def pause_s(earlier: int, jitter: float) -> float:
    """Return the pause after a failure that had *earlier* ones right before it, seconds.

    It doubles from a second to a quarter of an hour. *jitter*, 0 to 1, takes away up to
    half of it, so that many who failed at one moment do not come back at one.
    """
    whole = min(LONGEST_S, SHORTEST_S * 2.0 ** min(earlier, _DOUBLINGS))
    return max(SHORTEST_S, whole * (1 - jitter / 2))
