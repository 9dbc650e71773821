"""Recognises files that are named like transcripts but are no text, by their header.

Reading such a file by lines would count noise, so it is not read, and reported with the
reason. A bad line is no such reason: a file with one line that begins like a JSON object
is a transcript, damaged or not.
"""

import re

PROBE_BYTES = 4096

_OBJECT = re.compile(rb'^\s*\{\s*["}]', re.MULTILINE)

_SIGNATURES = {
    b"\x1f\x8b": "is compressed with gzip",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd",
    b"\xfd7zXZ\0": "is compressed with xz",
    b"BZh": "is compressed with bzip2",
    b"PK\x03\x04": "is a zip archive",
    b"SQLite format 3\0": "is an SQLite database",
    b"\xff\xfe": "is UTF-16 and not UTF-8",
    b"\xfe\xff": "is UTF-16 and not UTF-8",
}
_SIGNED = tuple(_SIGNATURES)


def foreign_reason(head: bytes) -> str | None:
    """Return the reason why a file with this *head* is no text; None if it may be."""
    if head.startswith(_SIGNED):
        return next(why for each, why in _SIGNATURES.items() if head.startswith(each))

    # NULs at the start are a hole, left by a writer that kept its offset.
    text = head.lstrip(b"\0")
    if b"\0" not in text or _OBJECT.search(text):
        return None

    return "is binary: it holds NUL bytes and no line of JSON"
