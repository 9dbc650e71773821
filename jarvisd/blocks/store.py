"""Rows of the table `block` to and from `SavedBlock`, and the statements that move them.

A row is where the block is from, which hardly ever changes, and how far it has come,
which changes with every flush. Writing the second half alone costs a third of writing
all, so `Interned` remembers whose first half is stored.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from jarvisd.blocks.model import SavedBlock
from jarvisd.core.block import BadLine
from jarvisd.core.feature import Tx
from jarvisd.core.origin import SessionId
from jarvisd.core.storage.interned import Interned, storable
from jarvisd.core.storage.table import INTERNED, Codec, JointCodec, Table, plain_codec

_BAD_LINE: Final = """
INSERT OR IGNORE INTO bad_line (block_key, line_offset, length, reason)
SELECT block_key, ?, ?, ? FROM block AS b
WHERE block_id = ?
AND (SELECT count(*) FROM bad_line AS l WHERE l.block_key = b.block_key) < ?
"""

_REPLACED_BAD_LINE: Final = """
DELETE FROM bad_line WHERE line_offset = ?
AND block_key = (SELECT block_key FROM block WHERE block_id = ?)
"""

_BAD_LINES: Final = """
SELECT block_id, line_offset, length, reason FROM bad_line JOIN block USING (block_key)
"""

MAX_BAD_LINES: Final = 32
"""Of one block, so that a file that is no transcript does not fill the database."""


def _folder(known: Interned, raw: sqlite3.Connection, path: str | None) -> int | None:
    """Return the number of a path's folder with its last slash, which many share."""
    return None if path is None else known.key(raw, path[: path.rfind("/") + 1])


def _name(_known: Interned, _raw: sqlite3.Connection, path: str | None) -> str | None:
    return None if path is None else storable(path[path.rfind("/") + 1 :])


def _path(
    known: Interned, raw: sqlite3.Connection, folder: int | None, name: str | None
) -> str | None:
    return None if name is None else f"{known.text(raw, folder)}{name}"


_MEMORY: Final = plain_codec(
    lambda memory: memory or None, lambda stored: stored or b""
)

BLOCKS: Final = Table(
    "block",
    SavedBlock,
    key=("block_id",),
    stamp=("revision",),
    columns={
        "agent": INTERNED,
        "project": INTERNED,
        "cwd": INTERNED,
        "offset": Codec(name="read_offset"),
        "reader_memory": _MEMORY,
        "ledger_memory": _MEMORY,
        "state_memory": _MEMORY,
    },
    together=(JointCodec({"folder": _folder, "name": _name}, {"path": _path}),),
    unstored=("bad_lines", "replaced_bad_lines"),
)
_UPSERT: Final = BLOCKS.upsert()
_UPDATE: Final = BLOCKS.update(keep="origin")
_SELECT: Final = f"{BLOCKS.select} ORDER BY block_key"

Row = tuple[str | int | None, ...]


_OPEN_BLOCK: Final = """
SELECT 1 FROM block WHERE agent = ? AND session_id = ? AND NOT ended LIMIT 1
"""


def write_blocks(tx: Tx, blocks: Sequence[SavedBlock]) -> None:
    """Insert or replace the rows of *blocks*, inside the caller's transaction.

    Rows are made some at a time as SQLite takes them, which releases the interpreter
    in between: the event loop goes on beside a batch of any length.
    """
    raw, known, revision = tx
    before = raw.total_changes
    moved = [each for each in blocks if known.has_origin(each.origin)]
    _UPDATE.run(raw, known, moved, revision)
    updated = raw.total_changes - before
    fresh = [each for each in blocks if not known.has_origin(each.origin)]
    if updated != len(moved):
        fresh = list(blocks)  # another program has deleted rows

    _UPSERT.run(raw, known, fresh, revision)
    raw.executemany(_REPLACED_BAD_LINE, _replaced_bad_lines(blocks))
    raw.executemany(_BAD_LINE, _bad_lines(blocks))
    known.add_origins(each.origin for each in fresh)


def unread_blocks(blocks: Sequence[SavedBlock]) -> tuple[SavedBlock, ...]:
    """Return *blocks* as a database has them whose ledger lacks their lines."""
    return tuple(
        replace(
            each,
            parser_version=0,
            reader_memory=b"",
            ledger_memory=b"",
            state_memory=b"",
        )
        for each in blocks
    )


def read_blocks(raw: sqlite3.Connection) -> list[SavedBlock]:
    """Return every block, in the order in which they were first stored."""
    return list(each_block(raw))


def each_block(raw: sqlite3.Connection) -> Iterator[SavedBlock]:
    """Yield every block, one at a time: there may be many, and each has memories."""
    known = Interned()
    known.load_texts(raw)
    bad: dict[str, list[BadLine]] = {}
    for block_id, offset, length, reason in raw.execute(_BAD_LINES):
        line = BadLine(offset=offset, length=length, reason=reason)
        bad.setdefault(block_id, []).append(line)

    for row in raw.execute(_SELECT):
        block = BLOCKS.decode(raw, known, row)
        lines = bad.get(block.origin.block_id)
        yield block if lines is None else replace(block, bad_lines=tuple(lines))


def has_open_block(
    raw: sqlite3.Connection, known: Interned, agent: str, session_id: SessionId
) -> bool:
    """Whether a log of the session is still there, as far as that is stored."""
    found = raw.execute(_OPEN_BLOCK, (known.key(raw, agent), session_id)).fetchone()
    return found is not None


def _replaced_bad_lines(blocks: Iterable[SavedBlock]) -> Iterator[Row]:
    for block in blocks:
        for offset in block.replaced_bad_lines:
            yield offset, block.origin.block_id


def _bad_lines(blocks: Iterable[SavedBlock]) -> Iterator[Row]:
    for block in blocks:
        block_id = block.origin.block_id
        for line in block.bad_lines:
            yield (
                line.offset,
                line.length,
                storable(line.reason),
                block_id,
                MAX_BAD_LINES,
            )
