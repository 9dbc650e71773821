"""Which folders are looked at to know worktrees: transcripts may name any."""

import pytest

from jarvisd.app.worktrees import is_mounted

MOUNTS = """\
/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
-hosts /net autofs rw 0 0
auto.home /home autofs rw 0 0
server:/u /home/u nfs rw 0 0
/dev/vdb /mnt/my\\040disk ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/srv/shop", True),
        ("/", True),
        ("/net/elsewhere/shop", False),
        ("/network/shop", True),
        ("/home/u/shop", True),
        ("/home/u", True),
        ("/home/v/shop", False),
        ("/mnt/my disk/shop", True),
    ],
)
def test_nothing_is_mounted_to_know_a_worktree(folder: str, *, expected: bool) -> None:
    assert is_mounted(folder, MOUNTS) is expected


def test_without_a_list_of_mounts_the_home_is_there() -> None:
    mounts = "home /Users/u unknown"

    assert is_mounted("/Users/u/shop", mounts)
    assert not is_mounted("/net/elsewhere/shop", mounts)
