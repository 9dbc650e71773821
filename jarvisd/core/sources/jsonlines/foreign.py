"""What is named like a transcript and is no text: recognised by its first bytes.

Reading such a file line by line would count noise, so it is left alone and told of
with a reason. A single bad line is not enough for that: whatever has one line that
begins like a JSON object is a transcript, damaged or not.
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


def why_foreign(head: bytes) -> str | None:
    """Return why a file that begins with *head* is no text; None if it may be one."""
    if head.startswith(_SIGNED):
        return next(why for each, why in _SIGNATURES.items() if head.startswith(each))

    # A run of NULs at the start is a hole, left by a writer that kept its offset.
    text = head.lstrip(b"\0")
    if b"\0" not in text or _OBJECT.search(text):
        return None

    return "is binary: it holds NUL bytes and no line of JSON"
