"""What the server has counted since it began; shown by `health` and asked by tests."""

from dataclasses import dataclass


@dataclass(slots=True)
class ServerCounters:
    """Counters that only grow, but for *clients*, which is how many there are now."""

    clients: int = 0
    accepted: int = 0
    requests: int = 0
    crashed_requests: int = 0
    refused_peers: int = 0
    refused_busy: int = 0
    accept_pauses: int = 0
    dropped_blocked: int = 0
    dropped_half_sent: int = 0
