"""Files: mounts, stamps, and writing them atomically."""

from pathlib import Path

import pytest

from jarvisd.core.storage.files import (
    atomic_write,
    format_stamp,
    is_on_network,
    parse_stamp,
)

MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /home/nfs rw shared:1 - nfs4 server:/home rw
31 22 0:41 / /home/nfs/local rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/my\040disk rw - fuse.sshfs user@host:/ rw
33 22 0:43 / /mnt/stick rw - fuseblk /dev/sdb1 rw
34 22 0:44 / /mnt/Gr\303\274n rw - ext4 /dev/sdc rw
""".strip()


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        pytest.param("/home/u/state", False, id="the root's file system"),
        pytest.param("/home/nfs/u/state", True, id="NFS"),
        pytest.param("/home/nfsu/state", False, id="a name that only begins alike"),
        pytest.param("/home/nfs/local/u", False, id="a disk mounted on NFS"),
        pytest.param("/mnt/my disk/state", True, id="FUSE, and a space"),
        pytest.param("/mnt/stick/state", False, id="a local disk through FUSE"),
    ],
)
def test_network_file_systems_are_known_by_their_mounts(
    folder: str,
    expected: bool,
) -> None:
    assert is_on_network(Path(folder), MOUNTS) is expected


def test_no_mounts_means_no_network() -> None:
    assert not is_on_network(Path("/home"), "")


def test_a_stamp_says_its_moment() -> None:
    assert format_stamp(1_790_000_000_999) == "20260921T141320Z"
    assert parse_stamp("20260921T141320Z") == 1_790_000_000_000


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_replacement_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    with pytest.raises(ZeroDivisionError), atomic_write(path):
        _ = 1 / 0

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
