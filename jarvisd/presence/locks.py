"""Who holds a lock on a file, without ever taking one.

To try a lock is to hold it for a moment, in which its owner would find it taken. The
kernel lists all locks in /proc/locks instead, by device and inode, with the number of
the process that took each. From proc_locks(5).
"""

import os
from collections.abc import Collection, Mapping

import msgspec

MAX_BYTES = 4 * 1024 * 1024
"""Some fifty thousand locks."""


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A process that holds a lock.

    *same_device* is False where the kernel names another device than stat does, as it
    does on btrfs and overlays: then another file may be meant, with the same inode.
    """

    pid: int
    same_device: bool


def holders(files: Collection[os.stat_result]) -> Mapping[int, list[Holder]]:
    """Return by inode who holds a lock on *files*; processes out of sight hold none.

    A lock that is waited for is not held.
    """
    devices = {each.st_ino: each.st_dev for each in files}
    found: dict[int, list[Holder]] = {}
    if not devices:
        return found

    for line in _lines():
        match line.split():
            case [_, kind, _, _, pid, place, *_] if kind != b"->":
                _note(found, devices, pid, place)

    return found


def _note(
    found: dict[int, list[Holder]], devices: dict[int, int], pid: bytes, place: bytes
) -> None:
    # "4000 fe:00:2146642"; a number of 0 or -1 is a process that nobody can name.
    try:
        major, minor, inode = place.split(b":")
        number = int(inode)
        if number not in devices or int(pid) <= 0:
            return

        device = os.makedev(int(major, 16), int(minor, 16))
    except (ValueError, OverflowError):
        return

    holder = Holder(int(pid), device == devices[number])
    found.setdefault(number, []).append(holder)


def _lines() -> list[bytes]:
    try:
        with open("/proc/locks", "rb") as file:
            return file.read(MAX_BYTES).splitlines()
    except OSError:
        return []
