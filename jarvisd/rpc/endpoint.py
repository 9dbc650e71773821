"""The socket's place in the file system: private, ours alone, and tidied up after us.

Whoever may open the folder may ask anything, so the folder is checked by descriptor
and not by name. The lock is taken before the path is touched: a socket found there
is then no daemon's that lives, and a second one can neither steal the path nor be
mistaken for a hung one. The kernel drops the lock however a process ends, so the
file stays behind and only says who holds it.

Other programs know nothing of our lock, and JARVISD_SOCKET may be set to anything. So
a socket that is found is tried: nobody's is replaced, and one that takes connections
is somebody's and is left.

Abstract sockets have no permissions, and asyncio and anyio unlink a living daemon's
socket when they bind: hence all of this by hand.
"""

import errno
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jarvisd.base.errors import RuntimeFolderError, SocketInUseError
from jarvisd.base.file_lock import exclusive_lock
from jarvisd.base.paths import MAX_SOCKET_PATH_BYTES

BACKLOG = 128
LOCK_NAME = "lock"
RENDERED_NAMES = ("line", "tmux", "need", "status.json")
"""The files that lie beside the socket, see `jarvisd.overview.rendered_files`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A listening socket, non-blocking, and the path at which clients find it."""

    socket: socket.socket
    path: Path
    activated: bool


@contextmanager
def open_endpoint(
    path: Path, *, activated: socket.socket | None = None, link: Path | None = None
) -> Iterator[Endpoint]:
    """Listen at *path*, or on the *activated* socket that was handed to us.

    An activated socket belongs to who made it: it is closed here and its path left.
    *link*, if it is another path, is made to lead to the socket; see `_linked`.

    Raises:
        RuntimeFolderError: The folder is not private to this user, or the path is
            too long or taken by something that is no socket.
        AlreadyRunningError: Another daemon holds the folder's lock.
        SocketInUseError: Another program listens at *path*.

    """
    _check_length(path)
    with (
        _open_folder(path.parent) as folder,
        _locked(path.parent, folder),
        _linked(path, link),
    ):
        if activated is not None:
            with _accepting(activated, path) as listener:
                yield Endpoint(listener, path, activated=True)
        else:
            with _bound(path, folder) as listener:
                yield Endpoint(listener, path, activated=False)


@contextmanager
def _linked(path: Path, link: Path | None) -> Iterator[None]:
    """Make *link* and its neighbours lead to the socket at *path* and to its files.

    Clients that do not know the runtime folder, as under cron or su, look for it at
    *link*. It is a convenience: where it cannot be made, or leads to another daemon's
    living socket, it is left alone.
    """
    links = dict[Path, Path]()
    if link == path and link.is_symlink() and not _somebody_listens(link):
        link.unlink()  # of a daemon that was killed
    elif link is not None and link.parent != path.parent:
        links = {link.with_name(name): path.with_name(name) for name in RENDERED_NAMES}
        links[link] = path

    made = list[Path]()
    with suppress(OSError, RuntimeFolderError):
        if link is not None and links and _may_link(path, link):
            for each, target in links.items():
                new = each.with_name(f".{each.name}.new")
                new.unlink(missing_ok=True)
                new.symlink_to(target)
                new.replace(each)
                made.append(each)
    try:
        yield
    finally:
        for each in made:
            with suppress(OSError):
                if each.readlink() == links[each]:
                    each.unlink()


def _may_link(path: Path, link: Path) -> bool:
    with _open_folder(link.parent):
        ours = link.is_symlink() and link.readlink() == path
        return ours or not _somebody_listens(link)


def peer_uid(client: socket.socket) -> int:
    """Return the user who made the connection, by the kernel's word."""
    raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _pid, uid, _gid = struct.unpack("3i", raw)
    return int(uid)


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH_BYTES:
        reason = (
            f"the path of the socket has {length} bytes and a Unix socket's may have "
            f"{MAX_SOCKET_PATH_BYTES}; set JARVISD_SOCKET to a shorter one"
        )
        raise RuntimeFolderError(path.parent, reason)


@contextmanager
def _open_folder(path: Path) -> Iterator[int]:
    try:
        _make_private(path)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as exc:
        raise RuntimeFolderError(path, _reason(exc)) from exc

    try:
        _check_private(path, os.fstat(folder))
        yield folder
    finally:
        os.close(folder)


def _make_private(path: Path) -> None:
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)


def _check_private(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise RuntimeFolderError(path, f"it belongs to user {status.st_uid}")

    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        reason = f"its mode is {mode:04o}, open to others; `chmod 700` it"
        raise RuntimeFolderError(path, reason)


def _reason(exc: OSError) -> str:
    if exc.errno in {errno.ELOOP, errno.ENOTDIR}:
        return "it is no folder, or a symbolic link"

    return exc.strerror or str(exc)


@contextmanager
def _locked(path: Path, folder: int) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive_lock(path / LOCK_NAME, folder=folder))
        except OSError as exc:
            raise RuntimeFolderError(path, f"{LOCK_NAME}: {_reason(exc)}") from exc

        yield


@contextmanager
def _accepting(listener: socket.socket, path: Path) -> Iterator[socket.socket]:
    accepts = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listener.family != socket.AF_UNIX or not accepts:
        reason = "the activated socket is no listening Unix socket"
        raise RuntimeFolderError(path.parent, reason)

    listener.settimeout(0)
    with listener:
        yield listener


@contextmanager
def _bound(path: Path, folder: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.settimeout(0)
        try:
            _remove_stale(path, folder)
            _bind(listener, path)
        except OSError as exc:
            raise RuntimeFolderError(path.parent, _reason(exc)) from exc

        inode = _inode(path, folder)
        try:
            yield listener
        finally:
            if _inode(path, folder) == inode:
                os.unlink(path.name, dir_fd=folder)


def _remove_stale(path: Path, folder: int) -> None:
    with suppress(FileNotFoundError):
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISSOCK(found.st_mode):
            reason = f"{path.name} is in the way and is no socket; move it away"
            raise RuntimeFolderError(path.parent, reason)

        if _somebody_listens(path):
            raise SocketInUseError(path)

        os.unlink(path.name, dir_fd=folder)


def _somebody_listens(path: Path) -> bool:
    """Whether a connection would be taken, of whatever type the socket is.

    It is not waited for: a listener that is too busy to take it listens all the same.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(0)
        result = client.connect_ex(os.fspath(path))
        return result not in {errno.ECONNREFUSED, errno.ENOENT}


def _bind(listener: socket.socket, path: Path) -> None:
    # Private from its first moment: chmod afterwards would leave a gap.
    mask = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(mask)

    listener.listen(BACKLOG)


def _inode(path: Path, folder: int) -> int | None:
    try:
        return os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_ino
    except FileNotFoundError:
        return None
