"""What a process has cost so far, from the kernel. Linux only, as the figures are."""

import os
import platform
import time
from pathlib import Path
from typing import NamedTuple

_CPUCLOCK_SCHED = 2


class Usage(NamedTuple):
    """Counters of one process at one moment; subtract two of them.

    *cpu_s* is user and system time of all threads. *read_bytes* and *written_bytes*
    count what went through read and write calls, whether or not a disk was touched,
    and so sockets' reads do not count but SQLite's do. *disk_bytes* are those that
    were handed to a disk. *wakes* counts how often a thread slept and was woken.
    """

    at_s: float
    cpu_s: float
    read_bytes: int
    written_bytes: int
    disk_bytes: int
    wakes: int

    def since(self, before: "Usage") -> "Usage":
        """Return what was used between *before* and now."""
        return Usage(
            at_s=self.at_s - before.at_s,
            cpu_s=self.cpu_s - before.cpu_s,
            read_bytes=self.read_bytes - before.read_bytes,
            written_bytes=self.written_bytes - before.written_bytes,
            disk_bytes=self.disk_bytes - before.disk_bytes,
            wakes=self.wakes - before.wakes,
        )


def usage(pid: int) -> Usage:
    """Return the counters of process *pid*."""
    io = _fields(Path(f"/proc/{pid}/io"))
    return Usage(
        at_s=time.perf_counter(),
        cpu_s=cpu_s(pid),
        read_bytes=io["rchar"],
        written_bytes=io["wchar"],
        disk_bytes=io["write_bytes"],
        wakes=sum(
            _fields(each / "status")["voluntary_ctxt_switches"]
            for each in Path(f"/proc/{pid}/task").iterdir()
        ),
    )


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of *pid*: /proc/PID/stat in nanoseconds, not ticks."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def rss_mb(pid: int) -> float:
    """Return the memory of *pid* that is resident now, in 10^6 bytes."""
    return _fields(Path(f"/proc/{pid}/status"))["VmRSS"] * 1024 / 1e6


def peak_mb(pid: int) -> float:
    """Return the most memory that was ever resident, in 10^6 bytes."""
    return _fields(Path(f"/proc/{pid}/status"))["VmHWM"] * 1024 / 1e6


def machine() -> dict[str, str]:
    """Return what a reader must know of this machine to compare."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in info if "model name" in line]
    memory = _fields(Path("/proc/meminfo"))["MemTotal"] * 1024 / 1e9
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "cpu": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def load() -> str:
    """Return the load average of the last minute: who else was working."""
    return f"{os.getloadavg()[0]:.1f}"


def _fields(path: Path) -> dict[str, int]:
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            found[name] = int(words[0])

    return found
