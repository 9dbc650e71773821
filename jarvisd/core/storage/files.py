"""Files of the store: private, written atomically, identified by inode.

Caution when adding code here: POSIX locks belong to the process, and closing *any*
descriptor of a file releases them. So nothing may open the database file while SQLite
has it open; `stat` is safe.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from jarvisd.base.file_lock import exclusive_lock

log = structlog.get_logger()

SIDECARS: Final = ("-wal", "-shm", "-journal")
"""Files beside a database while it is open, or after a crash."""

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse", "gfs2", "glusterfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"}
)
"""File systems on which hosts share no memory map, so that a WAL is not safe."""

_OCTAL: Final = re.compile(r"\\([0-7]{3})")
"""The kernel's escape for a space in a mount point."""

FileId = tuple[int, int]
"""Device and inode."""


def identity(path: Path) -> FileId | None:
    """Return the identity of the file at *path*, or None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def size_bytes(path: Path) -> int:
    """Return the size of the database with its sidecars; 0 for absent files."""
    return sum(_size(Path(f"{path}{suffix}")) for suffix in ("", *SIDECARS))


def has_leftovers(path: Path) -> bool:
    """Whether the last process to open the database did not close it.

    A clean close checkpoints the log and removes it; a kill leaves it behind.
    """
    return any(_size(Path(f"{path}{suffix}")) for suffix in ("-wal", "-journal"))


def make_private_folder(folder: Path) -> None:
    """Create *folder* for its owner only; an existing one is left unchanged."""
    if folder.is_dir():
        return

    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def make_private_file(path: Path) -> None:
    """Create *path* empty if absent, and set its mode to 0600, whatever the umask.

    SQLite gives its sidecars the mode of the database, so this covers them as well.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(handle).st_mode & 0o777 != 0o600:
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


@contextmanager
def lock_store(path: Path) -> Iterator[None]:
    """Lock the database at *path* against other daemons for the context.

    The lock file is beside the database, in its real folder, so that neither another
    socket nor another name of the folder circumvents it.

    Raises:
        AlreadyRunningError: Another daemon uses this database; names its process.

    """
    lock = Path(os.path.realpath(path))
    lock = lock.with_name(f"{lock.name}.lock")
    with ExitStack() as stack:
        try:
            make_private_folder(lock.parent)
            stack.enter_context(exclusive_lock(lock))
        except OSError as exc:
            # A folder that cannot be written degrades the store, but the daemon starts.
            log.warning("store.not_locked", path=str(lock), error=exc.strerror)

        yield


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a private temporary file that becomes *path* when the body is done.

    It is synced before it is renamed, and deleted if the body fails, so that *path*
    always has the complete old or the complete new content.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    make_private_file(temporary)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def copy_whole(source: Path, target: Path) -> None:
    """Copy *source* to *target*, which is replaced atomically."""
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)


def format_stamp(unix_ms: int) -> str:
    """Return *unix_ms* as used in file names: 20260131T235959Z."""
    return datetime.fromtimestamp(unix_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def parse_stamp(text: str) -> int:
    """Return the Unix ms of a stamp.

    Raises:
        ValueError: *text* is no stamp.

    """
    moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000


def is_on_network(folder: Path, mounts: str) -> bool:
    """Whether *folder* is, or may be, on a network file system.

    *mounts* is the text of /proc/self/mountinfo. FUSE counts as a network, because its
    backend is unknown.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = _OCTAL.sub(lambda each: chr(int(each[1], 8)), left.split(" ")[4])
        if len(point) >= len(best) and folder.is_relative_to(point):
            best, kind = point, right.split(" ")[0]

    return kind.partition(".")[0] in NETWORK_FILE_SYSTEMS


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
