"""1,000 live blocks with one line a second each: what they cost, and how late they are.

The cost is taken with nobody listening, the latency with one subscriber to everything.
"""

from contextlib import ExitStack

from benchmarks import proc
from benchmarks.effort import Effort
from benchmarks.feeder import Plan
from benchmarks.figures.history import ONLY_COUNTED
from benchmarks.floor import following
from benchmarks.home import new_home
from benchmarks.live import feeding, latencies_ms, wake, watch
from benchmarks.rig import Daemon, running
from benchmarks.rows import Row
from benchmarks.spread import Spread, Target

BLOCKS = 1000


def measure(effort: Effort) -> list[Row]:
    seconds = effort.seconds(30, 10)
    spread = Spread()
    with ExitStack() as stack:
        daemon, plan = _live(stack, seconds)
        cpu_percent, commits_per_s = _cost(daemon, plan)
        spread.add(latencies_ms(*watch(daemon, plan)))
        rss_mb = proc.rss_mb(daemon.pid)

    with ExitStack() as stack:
        counted_percent, _ = _cost(*_live(stack, seconds, settings=ONLY_COUNTED))

    return [
        Row(
            figure="1,000 live blocks, a line a second each, CPU of a core",
            samples=(cpu_percent,),
            unit="%",
            must=20,
            ambition=10,
            note=f"over {seconds:.0f} s; {10 * cpu_percent:.0f} us a line",
        ),
        Row(
            figure="- block statistics only, CPU of a core",
            samples=(counted_percent,),
            unit="%",
            must=15,
            ambition=8,
            note="with `agents.NAME.ledger = false`",
        ),
        Row(
            figure="- floor of that: read, known for JSON and counted, nothing else",
            samples=(_floor_percent(seconds),),
            unit="%",
        ),
        Row(
            figure="1,000 live blocks, transactions",
            samples=(commits_per_s,),
            unit="1/s",
            must=1.1,
            ambition=1.0,
        ),
        Row(figure="1,000 live blocks, memory", samples=(rss_mb,), unit="MB"),
        *spread.rows(
            "1,000 live blocks, append to subscriber",
            p50=Target(must=2, ambition=0.4),
            p99=Target(must=20, ambition=5),
        ),
    ]


def _live(
    stack: ExitStack, seconds: float, *, settings: str = ""
) -> tuple[Daemon, Plan]:
    """Return a daemon that follows all blocks, and what to append to them."""
    home = stack.enter_context(new_home())
    home.configure(settings)
    paths = home.write(BLOCKS)
    daemon = stack.enter_context(running(home))
    daemon.read_all()
    wake(daemon, paths)
    return daemon, Plan(paths=paths, rate=BLOCKS, seconds=seconds, first_number=2)


def _cost(daemon: Daemon, plan: Plan) -> tuple[float, float]:
    """Return the percentage of a core and the transactions a second during *plan*."""
    with daemon.connect() as client, feeding(plan) as feeder:
        client.listen(1)  # until all blocks have met on the same tick
        revision, before = client.ask("status")["revision"], proc.usage(daemon.pid)
        client.listen(plan.seconds - 2)
        committed = client.ask("status")["revision"] - revision
        used = proc.usage(daemon.pid).since(before)
        feeder.finish()
        return 100 * used.cpu_s / used.at_s, committed / used.at_s


def _floor_percent(seconds: float) -> float:
    """Return the percentage of a core that the same lines cost the floor's program."""
    with new_home() as home:
        plan = Plan(paths=home.write(BLOCKS), rate=BLOCKS, seconds=seconds)
        with following(home.folder) as pid, feeding(plan) as feeder:
            before = proc.usage(pid)
            feeder.finish()
            used = proc.usage(pid).since(before)
            return 100 * used.cpu_s / used.at_s
