"""Reads facts about processes from the system: which are agents, since when, and where.

A process may vanish during a read, or forbid it; the result is then None or empty. A
number alone does not identify a process, because numbers are used again; a number with
the time of its start does (`ProcessLife`).

Arguments and environment may hold secrets. Arguments are passed only to the rules that
recognise an agent's program, and only named variables of the environment are read:
those of tmux, and those by which an agent marks the processes of its tools. Neither is
stored, sent or logged.

See proc_pid_stat(5) and proc_pid_fd(5); the rest, and other systems, use psutil.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress

import psutil

from jarvisd.core.process import Process, ProcessLife, Program, Terminal

Recognise = Callable[[Sequence[str]], Program | None]
"""(arguments) -> the agent's program that they start, or None."""

BATCH = 25
"""Processes that are inspected between two checkpoints: half a millisecond."""

UNKNOWN_START = 0
MAX_DESCRIPTORS = 4096
MAX_PARENTS = 32
_STAT_BYTES = 4096
_ENVIRON_BYTES = 1024 * 1024
_STATE, _SESSION, _TERMINAL, _START = 0, 3, 4, 19
"""Indexes of the 3rd, 6th, 7th and 22nd field of /proc/PID/stat, after the name."""

_HAS_PROC = os.path.exists("/proc/self/stat")
_PTS_MAJORS = range(136, 144)
_ENDED = {b"Z", b"X", b"x"}


def life_of(pid: int) -> ProcessLife | None:
    """Return the life of the process *pid*, or None if it has ended.

    A zombie has ended. A process that is hidden by /proc's mount option `hidepid`, but
    that a signal would reach, has the start UNKNOWN_START.
    """
    if not _HAS_PROC:
        started = started_ms(pid)
        return None if started is None else ProcessLife(pid, started)

    fields = _stat_of(pid)
    if fields is not None:
        return ProcessLife(pid, int(fields[1][_START]))

    return ProcessLife(pid, UNKNOWN_START) if _is_hidden(pid) else None


def is_alive(life: ProcessLife) -> bool:
    """Whether the process lives, rather than a later one with the same number."""
    return life_of(life.pid) == life


def started_ms(pid: int) -> int | None:
    """Return the start of the process, Unix ms, accurate to about a second."""
    try:
        return round(psutil.Process(pid).create_time() * 1000)
    except (psutil.Error, OSError):
        return None


def pid_namespace() -> str | None:
    """Return the identifier of this process's PID namespace."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def written_files(pid: int) -> Iterator[str]:
    """Yield the paths that the process has open for writing, as far as permitted."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(folder)[:MAX_DESCRIPTORS]:
            with suppress(OSError):
                # The mode of the link is that of the descriptor.
                if os.lstat(f"{folder}/{name}").st_mode & stat.S_IWUSR:
                    yield os.readlink(f"{folder}/{name}")


def argv_of(pid: int) -> Sequence[str]:
    """Return the arguments of the process; none if it is gone."""
    try:
        return psutil.Process(pid).cmdline()
    except (psutil.Error, OSError):
        return ()


def ancestors_of(pid: int) -> Iterator[int]:
    """Yield the process, its parent, and so on, without the init process."""
    for _ in range(MAX_PARENTS):
        if pid <= 1:
            return

        yield pid
        try:
            pid = psutil.Process(pid).ppid()
        except (psutil.Error, OSError):
            return


def children_of(pid: int) -> list[int]:
    """Return the living children of *pid*; none if they are unknown."""
    found: list[int] = []
    folder = f"/proc/{pid}/task"
    with suppress(OSError):
        for thread in os.listdir(folder):
            with suppress(OSError), open(f"{folder}/{thread}/children", "rb") as file:
                found += map(int, file.read().split())

    return found


def commands_of(pid: int) -> set[ProcessLife]:
    """Return the children of the process that lead their own process session."""
    found = set()
    for child in children_of(pid):
        fields = _stat_of(child)
        if fields is not None and int(fields[1][_SESSION]) == child:
            found.add(ProcessLife(child, int(fields[1][_START])))

    return found


def variables_of(pid: int, names: Collection[str]) -> dict[str, str]:
    """Return the variables *names* of the environment with which *pid* was started."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            text = file.read(_ENVIRON_BYTES).decode(errors="replace")
    except OSError:
        return {}

    pairs = (each.partition("=") for each in text.split("\0"))
    return {name: value for name, _, value in pairs if name in names}


def hides_environment(pid: int) -> bool:
    """Return True if we lack the permission to read the process's environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb"):
            return False
    except PermissionError:
        return True
    except OSError:
        return False


def terminal_of(pid: int) -> Terminal:
    """Return the terminal that shows the process: its own, or an ancestor's.

    Ancestors are checked because a process may be unreadable, or run without a terminal
    of its own.
    """
    tty = pane = socket = None
    for each in ancestors_of(pid):
        tty = tty or _tty_of(each)
        if pane is None:
            pane, socket = _tmux_of(each)

        if tty and pane:
            break

    return Terminal(tty=tty, tmux_pane=pane, tmux_socket=socket)


class Processes:
    """The living agent processes of this user, found by scanning all processes.

    Each process is inspected once: if its start and name have not changed since the
    last scan, it is the same process and has not replaced its program by exec.
    """

    def __init__(self, recognise: Recognise) -> None:
        self._recognise = recognise
        self._known: dict[int, tuple[tuple[bytes, bytes], Process | None]] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def agents(self) -> list[Process]:
        """Return the agent processes of the last scan.

        A program that starts itself again, and waits for that process, is one process
        and not two: the one that it started.
        """
        found = {
            pid: process
            for pid, (_, process) in self._known.items()
            if process is not None
        }
        for process in list(found.values()):
            starter = found.get(process.parent_pid)
            if starter is not None and starter.program == process.program:
                del found[process.parent_pid]

        return list(found.values())

    def scan(self) -> Iterator[None]:
        """Scan all processes; yield after each BATCH, so that the caller may pause."""
        known, self._known = self._known, {}
        for at, pid in enumerate(psutil.pids()):
            key = _key_of(pid)
            if key is not None:
                before = known.get(pid)
                is_same = before is not None and before[0] == key
                found = before if is_same and before else (key, self.inspect(pid))
                self._known[pid] = found

            if at % BATCH == BATCH - 1:
                yield

    def inspect(self, pid: int) -> Process | None:
        """Return the process if it is an agent of this user, or None."""
        try:
            process = psutil.Process(pid)
            program = self._recognise(process.cmdline())
            # Not the owner of /proc/PID: that is root for a process that is not
            # dumpable, although it is ours.
            if program is None or process.uids().effective != os.geteuid():
                return None

            parent_pid = process.ppid()
        except (psutil.Error, OSError):
            return None

        life, started = life_of(pid), started_ms(pid)
        if life is None or started is None:
            return None

        return Process(
            life=life,
            program=program,
            started_ms=started,
            cwd=_folder_of(process, program.folder),
            has_terminal=_terminal_device_of(pid) != 0,
            parent_pid=parent_pid,
        )


def _key_of(pid: int) -> tuple[bytes, bytes] | None:
    """Return start and name: they change with another process, or another program."""
    if not _HAS_PROC:
        return (b"", b"")

    fields = _stat_of(pid)
    return fields and (fields[1][_START], fields[0])


def _stat_of(pid: int) -> tuple[bytes, list[bytes]] | None:
    """Return the name and the fields after it, or None if the process has ended."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None

    try:
        text = os.read(fd, _STAT_BYTES)
    except OSError:
        return None
    finally:
        os.close(fd)

    # The name may contain anything, even brackets; the fields after it do not.
    head, _, tail = text.rpartition(b")")
    fields = tail.split()
    return (head, fields) if fields and fields[_STATE] not in _ENDED else None


def _is_hidden(pid: int) -> bool:
    """Whether a process exists that we may signal and that /proc does not show."""
    if os.path.lexists(f"/proc/{pid}"):
        return False

    try:
        os.kill(pid, 0)
    except OSError:
        return False

    # It may have started between the two checks.
    return not os.path.lexists(f"/proc/{pid}")


def _folder_of(process: psutil.Process, named: str | None) -> str | None:
    """Return the working folder of the process, or *named* in its arguments."""
    if named is not None and os.path.isabs(named):
        return os.path.normpath(named)

    try:
        cwd = process.cwd()
    except (psutil.Error, OSError):
        return None

    return os.path.normpath(os.path.join(cwd, named or "")) if cwd else None


def _terminal_device_of(pid: int) -> int:
    """Return the device number of the process's terminal; 0 if it has none."""
    fields = _stat_of(pid)
    return int(fields[1][_TERMINAL]) if fields else 0


def _tty_of(pid: int) -> str | None:
    device = _terminal_device_of(pid)
    if not device:
        return None

    major, minor = os.major(device), os.minor(device)
    path = f"/dev/pts/{minor}" if major in _PTS_MAJORS else f"/dev/tty{minor}"
    try:
        seen = os.stat(path)
    except OSError:
        return None

    # In a container, the path may belong to another instance of devpts.
    is_it = stat.S_ISCHR(seen.st_mode) and seen.st_rdev == device
    return path if is_it else None


def _tmux_of(pid: int) -> tuple[str | None, str | None]:
    """Return pane and socket of the tmux in which the process was started."""
    try:
        environ = psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return None, None

    # TMUX is "SOCKET,PID,SESSION", and a socket's path may hold a comma.
    pane, tmux = environ.get("TMUX_PANE"), environ.get("TMUX", "")
    if not pane or not tmux:
        return None, None

    return pane, tmux.rsplit(",", 2)[0] or None
