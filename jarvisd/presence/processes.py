"""What the system knows of processes: which are agents, since when, and where.

A process that vanishes while we look, or that may not be looked at, is normal: every
question then has the answer None. A number alone names no process, because numbers
are used again; a number with the moment of its start does (`ProcessLife`).

Arguments and environment may hold secrets. Arguments are only shown to the rules that
know an agent's program, and of the environment only named variables are looked at:
tmux's, and those by which an agent marks the processes of its tools; neither is kept,
told or logged.

From proc_pid_stat(5), proc_pid_fd(5); the rest, and other systems, through psutil.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress

import psutil

from jarvisd.core.process import Process, ProcessLife, Program, Terminal

Recognise = Callable[[Sequence[str]], Program | None]
"""(arguments) -> which agent's program that is, if any."""

STEP = 25
"""So many processes are looked at before others get a turn: half a millisecond."""

UNKNOWN_START = 0
MAX_DESCRIPTORS = 4096
MAX_PARENTS = 32
_STAT_BYTES = 4096
_ENVIRON_BYTES = 1024 * 1024
_STATE, _SESSION, _TERMINAL, _START = 0, 3, 4, 19
"""Fields of /proc/PID/stat, counted from behind the name: 3rd, 6th, 7th and 22nd."""

_HAS_PROC = os.path.exists("/proc/self/stat")
_PTS_MAJORS = range(136, 144)
_OVER = {b"Z", b"X", b"x"}


def life_of(pid: int) -> ProcessLife | None:
    """Return the life of the process *pid*, or None if it has ended.

    One that has ended and that its parent has not waited for has ended. One that
    forbids to be looked at is hidden where /proc is mounted with `hidepid`: all that
    is known then is that it is there.
    """
    if not _HAS_PROC:
        started = started_ms(pid)
        return None if started is None else ProcessLife(pid, started)

    fields = _stat_of(pid)
    if fields is not None:
        return ProcessLife(pid, int(fields[1][_START]))

    return ProcessLife(pid, UNKNOWN_START) if _is_hidden(pid) else None


def is_alive(life: ProcessLife) -> bool:
    """Whether the process lives, and not another one with its number."""
    return life_of(life.pid) == life


def started_ms(pid: int) -> int | None:
    """Return when the process was started, Unix ms, to a second or so."""
    try:
        return round(psutil.Process(pid).create_time() * 1000)
    except (psutil.Error, OSError):
        return None


def namespace() -> str | None:
    """Return the namespace in which we know processes by their numbers."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def written_files(pid: int) -> Iterator[str]:
    """Return the paths that the process has open for writing, as far as we may know."""
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
    """Return the process, its parent, and so on, but for the first of all."""
    for _ in range(MAX_PARENTS):
        if pid <= 1:
            return

        yield pid
        try:
            pid = psutil.Process(pid).ppid()
        except (psutil.Error, OSError):
            return


def children_of(pid: int) -> list[int]:
    """Return the processes that *pid* has started and that live; none if unknown."""
    found: list[int] = []
    folder = f"/proc/{pid}/task"
    with suppress(OSError):
        for thread in os.listdir(folder):
            with suppress(OSError), open(f"{folder}/{thread}/children", "rb") as file:
                found += map(int, file.read().split())

    return found


def commands_of(pid: int) -> set[ProcessLife]:
    """Return the children of the process that lead a session of their own."""
    found = set()
    for child in children_of(pid):
        fields = _stat_of(child)
        if fields is not None and int(fields[1][_SESSION]) == child:
            found.add(ProcessLife(child, int(fields[1][_START])))

    return found


def variables_of(pid: int, names: Collection[str]) -> dict[str, str]:
    """Return the variables *names* of the environment that *pid* was started with."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            text = file.read(_ENVIRON_BYTES).decode(errors="replace")
    except OSError:
        return {}

    pairs = (each.partition("=") for each in text.split("\0"))
    return {name: value for name, _, value in pairs if name in names}


def hides_environment(pid: int) -> bool:
    """Return True if the environment of the process is not for us to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb"):
            return False
    except PermissionError:
        return True
    except OSError:
        return False


def terminal_of(pid: int) -> Terminal:
    """Return where a person sees the process: its own terminal, or its parent's.

    An agent may not let itself be asked, and one that runs behind others has no
    terminal of its own, so that its parents are asked in turn.
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
    """The living processes of this user that are agents, found by looking at all.

    Each is looked at closely once: a process whose start and name are those of the
    last time is the same, and has not become another program by exec.
    """

    def __init__(self, recognise: Recognise) -> None:
        self._recognise = recognise
        self._known: dict[int, tuple[tuple[bytes, bytes], Process | None]] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def agents(self) -> list[Process]:
        """Return those that were agents when last looked for."""
        return [process for _, process in self._known.values() if process is not None]

    def look(self) -> Iterator[None]:
        """Look at all processes; stops after each STEP, to be gone on with."""
        known, self._known = self._known, {}
        for at, pid in enumerate(psutil.pids()):
            self._look_at(pid, known)
            if at % STEP == STEP - 1:
                yield

    def look_at(self, pid: int) -> Process | None:
        """Return what the one process is, if it is an agent of this user."""
        try:
            return self._described(psutil.Process(pid))
        except (psutil.Error, OSError):
            return None

    def _look_at(
        self, pid: int, known: dict[int, tuple[tuple[bytes, bytes], Process | None]]
    ) -> None:
        key = _key_of(pid)
        if key is None:
            return

        before = known.get(pid)
        same = before is not None and before[0] == key
        self._known[pid] = before if same and before else (key, self.look_at(pid))

    def _described(self, process: psutil.Process) -> Process | None:
        program = self._recognise(process.cmdline())
        # Asked of the kernel: what may not be looked at lies in a folder of root's.
        if program is None or process.uids().effective != os.geteuid():
            return None

        life, started = life_of(process.pid), started_ms(process.pid)
        if life is None or started is None:
            return None

        return Process(
            life=life,
            program=program,
            started_ms=started,
            cwd=_folder_of(process, program.folder),
            has_terminal=_terminal_number_of(process.pid) != 0,
        )


def _key_of(pid: int) -> tuple[bytes, bytes] | None:
    """Return what changes when the process is another one, or runs another program."""
    if not _HAS_PROC:
        return (b"", b"")

    fields = _stat_of(pid)
    return fields and (fields[1][_START], fields[0])


def _stat_of(pid: int) -> tuple[bytes, list[bytes]] | None:
    """Return the name and the fields behind it, or None if the process has ended."""
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

    # The name may hold anything, brackets among it; nothing behind it does.
    head, _, tail = text.rpartition(b")")
    fields = tail.split()
    return (head, fields) if fields and fields[_STATE] not in _OVER else None


def _is_hidden(pid: int) -> bool:
    """Whether a process of ours is there that /proc does not show."""
    if os.path.lexists(f"/proc/{pid}"):
        return False

    try:
        os.kill(pid, 0)
    except OSError:
        return False

    # It may have come between the two looks.
    return not os.path.lexists(f"/proc/{pid}")


def _folder_of(process: psutil.Process, named: str | None) -> str | None:
    """Return where the process works: in the folder *named*, if its arguments do so."""
    if named is not None and os.path.isabs(named):
        return os.path.normpath(named)

    try:
        cwd = process.cwd()
    except (psutil.Error, OSError):
        return None

    return os.path.normpath(os.path.join(cwd, named or "")) if cwd else None


def _terminal_number_of(pid: int) -> int:
    """Return the device of the process's terminal; 0 if it has none."""
    fields = _stat_of(pid)
    return int(fields[1][_TERMINAL]) if fields else 0


def _tty_of(pid: int) -> str | None:
    device = _terminal_number_of(pid)
    if not device:
        return None

    major, minor = os.major(device), os.minor(device)
    path = f"/dev/pts/{minor}" if major in _PTS_MAJORS else f"/dev/tty{minor}"
    return path if _is_device(path, device) else None


def _is_device(path: str, device: int) -> bool:
    try:
        seen = os.stat(path)
    except OSError:
        return False

    return stat.S_ISCHR(seen.st_mode) and seen.st_rdev == device


def _tmux_of(pid: int) -> tuple[str | None, str | None]:
    """Return pane and socket of the tmux that the process was started in."""
    try:
        environ = psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return None, None

    # TMUX is "SOCKET,PID,SESSION", and a socket's path may hold a comma.
    pane, tmux = environ.get("TMUX_PANE"), environ.get("TMUX", "")
    if not pane or not tmux:
        return None, None

    return pane, tmux.rsplit(",", 2)[0] or None
