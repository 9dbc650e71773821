"""A quiet hour, as a minute: 2,000 known files, 50 sessions watched, nobody asks."""

import time

from benchmarks import proc
from benchmarks.effort import Effort
from benchmarks.home import new_home
from benchmarks.live import wake
from benchmarks.rig import running
from benchmarks.rows import Row

KNOWN = 2000
WATCHED = 50
OLD_S = 3 * 86_400
LINES = 5


def measure(effort: Effort) -> list[Row]:
    seconds = effort.seconds(60, 15)
    with new_home() as home:
        home.write(KNOWN - WATCHED, lines=LINES, age_s=OLD_S)
        watched = home.write(WATCHED, lines=LINES)
        with running(home) as daemon:
            daemon.read_all()
            wake(daemon, watched, number=LINES)
            daemon.read_all()
            before = proc.usage(daemon.pid)
            time.sleep(seconds)  # noqa: TID251 - idleness is time passing
            used = proc.usage(daemon.pid).since(before)
            rss_mb = proc.rss_mb(daemon.pid)

    return [
        Row(
            figure=f"idle, {KNOWN:,} files, {WATCHED} watched, CPU of a core",
            samples=(100 * used.cpu_s / used.at_s,),
            unit="%",
            must=0.5,
            ambition=0.1,
            note=f"over {used.at_s:.0f} s",
        ),
        Row(
            figure="idle, written to disk",
            samples=(used.disk_bytes,),
            unit="B",
            must=0,
            ambition=0,
            note=f"{used.written_bytes} bytes in write calls of any kind",
        ),
        Row(figure="idle, memory", samples=(rss_mb,), unit="MB", must=80, ambition=56),
        Row(figure="idle, wake-ups", samples=(used.wakes / used.at_s,), unit="1/s"),
    ]
