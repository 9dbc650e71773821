"""Checks whether any process has a file open for writing.

The kernel grants a read lease only on a file that no process has open for writing
(fcntl(2), F_SETLEASE). That covers the processes of all users and takes five
microseconds; a search of /proc would take a thousand times as long and see only our own.
"""

import fcntl
import signal

_CAN_ASK = hasattr(fcntl, "F_SETLEASE")


def has_writer(fd: int) -> bool:
    """Whether a process has the file of *fd* open for writing.

    *fd* must be open for reading only. Also False if that is unknown: on file systems
    without leases, and for files of other users.
    """
    if not _CAN_ASK:  # pragma: no cover - not Linux
        return False

    try:
        # A process that opens the file meanwhile waits for us, and the kernel sends us
        # a signal. The default, SIGIO, would end this process; SIGURG is ignored.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False

    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
