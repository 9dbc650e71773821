"""The position of a file to and from its cursor."""

import msgspec
import pytest

from jarvisd.core.sources.jsonlines.identity import FilePosition, position_of

FULL = FilePosition(
    offset=1,
    size=2,
    generation=3,
    dev=2**64 - 1,
    inode=2**63,
    head_len=4,
    head_hash=2**64 - 2,
    mark_len=5,
    mark_hash=2**63 - 1,
    mtime_ns=6,
)


@pytest.mark.parametrize("position", [FULL, FilePosition()])
def test_a_position_comes_back_from_its_cursor(position: FilePosition) -> None:
    assert position_of(position.cursor()) == position


def test_without_a_cursor_nothing_was_read() -> None:
    assert position_of(b"") == FilePosition()


def test_the_order_of_the_fields_is_that_of_the_migration() -> None:
    assert msgspec.json.decode(FULL.cursor()) == [
        *(1, 2, 3, 2**64 - 1, 2**63, 4, 2**64 - 2, 5, 2**63 - 1, 6)
    ]


@pytest.mark.parametrize("cursor", [b"no", b"[1,2", b'{"offset":1}', b'["1"]'])
def test_what_is_no_position_is_refused(cursor: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        position_of(cursor)
