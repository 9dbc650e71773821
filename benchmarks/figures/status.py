"""`status` on an open connection, one request after the other, 1,000 blocks known."""

from benchmarks.effort import Effort
from benchmarks.feeder import Plan
from benchmarks.home import new_home
from benchmarks.live import feeding, wake
from benchmarks.rig import Daemon, running
from benchmarks.rows import Row
from benchmarks.spread import Spread, Target

BLOCKS = 1000
TALKING = 50
LINES_PER_S = 20
REQUESTS = 3000


def measure(effort: Effort) -> list[Row]:
    with new_home() as home:
        paths = home.write(BLOCKS)
        with running(home) as daemon:
            daemon.read_all()
            calm = _asked(daemon, effort)
            wake(daemon, paths[:TALKING])
            plan = Plan(
                paths=paths[:TALKING], rate=LINES_PER_S, seconds=600, first_number=2
            )
            with feeding(plan) as feeder:
                busy = _asked(daemon, effort)
                feeder.finish(early=True)

    return [
        *calm.rows(
            "status, 1,000 blocks, nothing changes",
            p50=Target(must=0.3, ambition=0.1),
            p99=Target(),
        ),
        *busy.rows(
            "status, 1,000 blocks, 20 lines a second",
            p50=Target(must=0.3, ambition=0.1),
            p99=Target(),
        ),
    ]


def _asked(daemon: Daemon, effort: Effort) -> Spread:
    spread = Spread()
    with daemon.connect() as client:
        client.time_lock_step("status", 100)
        for _ in range(effort.runs(7)):
            spread.add(client.time_lock_step("status", REQUESTS))

    return spread
