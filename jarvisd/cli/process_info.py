"""What /proc reports of a process: its parents, its terminal, its environment.

For finding the terminal that an agent runs in. What cannot be read is absent: the
process is gone, or not ours. The format is proc(5).
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

MAX_PARENTS = 64
_PROC = Path("/proc")
_PTS_MAJORS = range(136, 144)


def line_of(pid: int) -> Iterator[int]:
    """Yield *pid*, its parent, the parent of that, and so on up to init."""
    for _ in range(MAX_PARENTS):
        if pid <= 0:
            return

        yield pid
        fields = _stat(pid)
        if fields is None:
            return

        pid = int(fields[1])


def terminal_of(pid: int) -> str | None:
    """Return the controlling terminal of *pid*, as `/dev/pts/7`."""
    fields = _stat(pid)
    device = 0 if fields is None else int(fields[4])
    if not device:
        return None

    # Twelve bits of major between the twenty of minor, as the kernel packs them.
    major, minor = os.major(device), os.minor(device)
    if major in _PTS_MAJORS:
        return f"/dev/pts/{(major - _PTS_MAJORS.start) * 256 + minor}"

    return f"/dev/tty{minor}" if major == 4 and minor < 64 else None


def environment_of(pid: int) -> Mapping[str, str]:
    """Return the environment that *pid* was started with."""
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}

    pairs = (each.partition("=") for each in os.fsdecode(raw).split("\0"))
    return {name: value for name, found, value in pairs if found}


def _stat(pid: int) -> list[str] | None:
    """Return the fields behind the name, which may hold anything: state, parent ..."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None

    fields = text.rpartition(")")[2].split()
    return fields if len(fields) > 4 else None
