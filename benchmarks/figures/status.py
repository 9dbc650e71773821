"""`status` on an open connection, one request after the other, 1,000 blocks known."""

from benchmarks.effort import Effort
from benchmarks.feeder import Plan
from benchmarks.home import new_home
from benchmarks.live import feeding, wake
from benchmarks.rig import running
from benchmarks.rows import Row
from benchmarks.spread import Spread, Target

BLOCKS = 1000
REQUESTS = 3000
LINES_PER_S = 100
PAUSE_S = 0.02
"""Longer than between two lines: each answer has to be made anew."""

P50 = Target(must=0.3, ambition=0.1)


def measure(effort: Effort) -> list[Row]:
    same, changed = Spread(), Spread()
    with new_home() as home:
        paths = home.write(BLOCKS)
        plan = Plan(paths=paths, rate=LINES_PER_S, seconds=600, first_number=2)
        with running(home) as daemon, daemon.connect() as client:
            daemon.read_all()
            client.time_lock_step("status", 100)
            for _ in range(effort.runs(7)):
                same.add(client.time_lock_step("status", REQUESTS))

            wake(daemon, paths)
            with feeding(plan):
                for _ in range(effort.runs(3)):
                    changed.add(client.time_apart("status", 200, PAUSE_S))

    return [
        *same.rows("status, 1,000 blocks, lock-step", p50=P50, p99=Target()),
        *changed.rows(
            "status, 1,000 live blocks, each after changes", p50=Target(), p99=Target()
        ),
    ]
