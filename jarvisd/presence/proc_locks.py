"""Finds the holders of file locks without locking a file.

Trying a lock would hold it for a moment, and its owner could fail to lock it meanwhile.
The kernel lists all locks in /proc/locks instead, by device and inode, with the number
of the process that holds each. See proc_locks(5).
"""

import os
from collections.abc import Collection, Mapping

import msgspec

MAX_BYTES = 4 * 1024 * 1024
"""Of /proc/locks: about fifty thousand locks."""


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A process that holds a lock.

    *same_device* is False if the kernel reports another device than stat does, as on
    btrfs and overlays: the lock may be on another file with the same inode number.
    """

    pid: int
    same_device: bool


def holders(files: Collection[os.stat_result]) -> Mapping[int, list[Holder]]:
    """Return the lock holders of *files* by inode, without processes we cannot see.

    A process that waits for a lock is not a holder.
    """
    devices = {each.st_ino: each.st_dev for each in files}
    found: dict[int, list[Holder]] = {}
    if not devices:
        return found

    for line in _read_lines():
        match line.split():
            case [_, kind, _, _, pid, place, *_] if kind != b"->":
                _add_holder(found, devices, pid, place)

    return found


def _read_lines() -> list[bytes]:
    try:
        with open("/proc/locks", "rb") as file:
            return file.read(MAX_BYTES).splitlines()
    except OSError:
        return []


def _add_holder(
    found: dict[int, list[Holder]], devices: dict[int, int], pid: bytes, place: bytes
) -> None:
    # pid and place look like "4000" and "fe:00:2146642". The pid is 0 for a process of
    # another namespace, and -1 for a lock of an open file description.
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
