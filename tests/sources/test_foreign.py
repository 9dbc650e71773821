import gzip
import random
from pathlib import Path

import pytest

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.foreign import foreign_reason
from tests.sources.reading import Reading

RECORDS = '{"type":"user","message":"häh?"}\n' * 50


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(gzip.compress(RECORDS.encode()), "gzip", id="gzip"),
        pytest.param(RECORDS.encode("utf-16"), "UTF-16", id="UTF-16 with a mark"),
        pytest.param(RECORDS.encode("utf-16-le"), "binary", id="UTF-16 LE"),
        pytest.param(RECORDS.encode("utf-16-be"), "binary", id="UTF-16 BE"),
        pytest.param(random.Random(1).randbytes(9999), "binary", id="random"),
        pytest.param(b"\x7fELF\2\1\1\0\0\0\0", "binary", id="a program"),
        pytest.param(b"SQLite format 3\0 and more", "SQLite", id="a database"),
    ],
)
def test_what_is_no_text_is_refused_with_a_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=reason):
        Reading(path).drain()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(RECORDS.encode(), id="records"),
        pytest.param(b"\xef\xbb\xbf{}\n", id="a byte order mark"),
        pytest.param(b"\0" * 5000 + b"{}\n", id="a hole"),
        pytest.param(b"plain text\n", id="plain text"),
        pytest.param(b"\0junk\0junk\n{}\n", id="NULs and a record"),
        pytest.param(b'{"a": "\0"}\n', id="a NUL in a record"),
        pytest.param(b"\xff\x00"[:1], id="one odd byte"),
    ],
)
def test_damaged_text_is_still_text(content: bytes) -> None:
    assert foreign_reason(content[:4096]) is None


def test_a_file_that_was_refused_is_read_once_it_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(b"x"))
    reading = Reading(path)
    with pytest.raises(SourceError):
        reading.drain()

    path.write_text("{}\n")

    assert reading.drain() == ["{}"]
