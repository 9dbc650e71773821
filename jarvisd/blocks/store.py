"""Rows of the table `block` to and from `SavedBlock`, and the statements that move them.

A row is where the block is from, which hardly ever changes, and how far it has come,
which changes with every flush. Writing the second half alone costs a third of writing
all, so `Interned` remembers whose first half is stored.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from jarvisd.core.origin import Counts, Kind, Origin
from jarvisd.core.roots import Position, SourceState
from jarvisd.core.saved import SavedBlock
from jarvisd.core.storage.interned import Interned, storable
from jarvisd.core.storage.multi_insert import put

_UPSERT: Final = """
INSERT INTO block (
    block_id, kind, agent, folder, name, session_id, parent_session_id, project, cwd,
    pid,
    revision, ended, exit_status, state, error,
    start_ts_ms, last_activity_ms, line_count, char_count, malformed_count,
    oversize_count, bytes_read,
    dev, inode, read_offset, head_len, head_hash, mark_len, mark_hash, size, mtime_ns,
    generation, parser_version, carry
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?,
    ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?,
    ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?
) ON CONFLICT (block_id) DO UPDATE SET
    kind = excluded.kind, agent = excluded.agent,
    folder = excluded.folder, name = excluded.name,
    session_id = excluded.session_id, parent_session_id = excluded.parent_session_id,
    project = excluded.project, cwd = excluded.cwd, pid = excluded.pid,
    revision = excluded.revision, ended = excluded.ended,
    exit_status = excluded.exit_status, state = excluded.state, error = excluded.error,
    start_ts_ms = excluded.start_ts_ms, last_activity_ms = excluded.last_activity_ms,
    line_count = excluded.line_count, char_count = excluded.char_count,
    malformed_count = excluded.malformed_count,
    oversize_count = excluded.oversize_count, bytes_read = excluded.bytes_read,
    dev = excluded.dev, inode = excluded.inode, read_offset = excluded.read_offset,
    head_len = excluded.head_len, head_hash = excluded.head_hash,
    mark_len = excluded.mark_len, mark_hash = excluded.mark_hash,
    size = excluded.size, mtime_ns = excluded.mtime_ns,
    generation = excluded.generation, parser_version = excluded.parser_version,
    carry = excluded.carry
"""

_UPDATE: Final = """
WITH v (
    revision, ended, exit_status, state, error, start_ts_ms, last_activity_ms,
    line_count, char_count, malformed_count, oversize_count, bytes_read, dev, inode,
    read_offset, head_len, head_hash, mark_len, mark_hash, size, mtime_ns,
    generation, parser_version, carry, block_id
) AS (VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
)) UPDATE block SET
    revision = v.revision, ended = v.ended, exit_status = v.exit_status,
    state = v.state, error = v.error, start_ts_ms = v.start_ts_ms,
    last_activity_ms = v.last_activity_ms, line_count = v.line_count,
    char_count = v.char_count, malformed_count = v.malformed_count,
    oversize_count = v.oversize_count, bytes_read = v.bytes_read, dev = v.dev,
    inode = v.inode, read_offset = v.read_offset, head_len = v.head_len,
    head_hash = v.head_hash, mark_len = v.mark_len, mark_hash = v.mark_hash,
    size = v.size, mtime_ns = v.mtime_ns, generation = v.generation,
    parser_version = v.parser_version, carry = v.carry
FROM v WHERE block.block_id = v.block_id
"""

_SELECT: Final = """
SELECT
    block_id, kind, agent, folder, name, session_id, parent_session_id, project, cwd,
    pid,
    revision, ended, exit_status, state, error,
    start_ts_ms, last_activity_ms, line_count, char_count, malformed_count,
    oversize_count, bytes_read,
    dev, inode, read_offset, head_len, head_hash, mark_len, mark_hash, size, mtime_ns,
    generation, parser_version, carry
FROM block ORDER BY block_key
"""

_BAD_LINE: Final = """
INSERT OR IGNORE INTO bad_line (block_key, line_offset, length, reason)
SELECT block_key, ?, ?, ? FROM block AS b
WHERE block_id = ?
AND (SELECT count(*) FROM bad_line AS l WHERE l.block_key = b.block_key) < ?
"""

_NEXT_REVISION: Final = """
UPDATE store SET revision = max(revision, ?) + 1 RETURNING revision
"""

MAX_BAD_LINES: Final = 32
"""Of one block, so that a file that is no transcript does not fill the database."""

_U64: Final = 0xFFFF_FFFF_FFFF_FFFF
_KINDS: Final = {each.value: each for each in Kind}
_STATES: Final = {each.value: each for each in SourceState}

Row = tuple[str | int | bytes | None, ...]
"""Values in the order of the statements above, not by name: that is twice as fast."""


def next_revision(raw: sqlite3.Connection, *, above: int) -> int:
    """Count one flush; return its number, which is greater than *above*."""
    row: tuple[int] = raw.execute(_NEXT_REVISION, (above,)).fetchall()[0]
    return row[0]


def read_revision(raw: sqlite3.Connection) -> int:
    """Return the number of flushes ever committed."""
    row: tuple[int] = raw.execute("SELECT revision FROM store").fetchone()
    return row[0]


def write_blocks(
    raw: sqlite3.Connection,
    blocks: tuple[SavedBlock, ...],
    known: Interned,
    revision: int,
) -> None:
    """Insert or replace the rows of *blocks*, inside the caller's transaction.

    Rows are made some at a time as SQLite takes them, which releases the interpreter
    in between: the event loop goes on beside a batch of any length.
    """
    before = raw.total_changes
    moved = [each for each in blocks if known.has(each.origin)]
    put(raw, _UPDATE, map(partial(_update, revision), moved), known.refused)
    updated = raw.total_changes - before
    fresh = [each for each in blocks if not known.has(each.origin)]
    if updated != len(moved):
        fresh = list(blocks)  # another program has deleted rows

    values = map(partial(_upsert, raw, known, revision), fresh)
    put(raw, _UPSERT, values, known.refused)
    raw.executemany(_BAD_LINE, _bad_lines(blocks))
    known.learn(fresh)


def read_blocks(raw: sqlite3.Connection) -> list[SavedBlock]:
    """Return every block, in the order in which they were first stored."""
    texts: dict[int | None, str | None] = dict(
        raw.execute("SELECT text_key, text FROM text").fetchall()
    )
    texts[None] = None
    return [_block(row, texts) for row in raw.execute(_SELECT)]


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


def _update(revision: int, block: SavedBlock) -> Row:
    return (*_progress(block, revision), block.origin.block_id)


def _upsert(
    raw: sqlite3.Connection, known: Interned, revision: int, block: SavedBlock
) -> Row:
    return (*_origin(raw, block.origin, known), *_progress(block, revision))


def _origin(raw: sqlite3.Connection, origin: Origin, known: Interned) -> Row:
    folder, name = _split(origin.path)
    return (
        origin.block_id,
        origin.kind.value,
        known.key(raw, origin.agent),
        known.key(raw, folder),
        name and storable(name),
        origin.session_id and storable(origin.session_id),
        origin.parent_session_id and storable(origin.parent_session_id),
        known.key(raw, origin.project),
        known.key(raw, origin.cwd),
        origin.pid,
    )


def _progress(block: SavedBlock, revision: int) -> Row:
    counts, position = block.counts, block.position
    return (
        revision,
        block.ended,
        block.exit_status,
        block.state.value,
        block.error and storable(block.error),
        counts.start_ts_ms,
        counts.last_activity_ms,
        counts.line_count,
        counts.char_count,
        counts.malformed_count,
        counts.oversize_count,
        counts.bytes_read,
        _signed(position.dev),
        _signed(position.inode),
        position.offset,
        position.head_len,
        _signed(position.head_hash),
        position.mark_len,
        _signed(position.mark_hash),
        position.size,
        position.mtime_ns,
        position.generation,
        block.parser_version,
        block.carry or None,
    )


def _block(row: tuple[Any, ...], texts: Mapping[int | None, Any]) -> SavedBlock:
    revision, ended, exit_status, state, error = row[10:15]
    return SavedBlock(
        origin=_as_origin(row[:10], texts),
        position=_as_position(row[22:32]),
        counts=_as_counts(row[15:22]),
        ended=bool(ended),
        exit_status=exit_status,
        state=_STATES[state],
        error=error,
        revision=revision,
        parser_version=row[32],
        carry=row[33] or b"",
    )


def _as_origin(row: tuple[Any, ...], texts: Mapping[int | None, Any]) -> Origin:
    block_id, kind, agent, folder, name, session, parent, project, cwd, pid = row
    return Origin(
        block_id=block_id,
        kind=_KINDS[kind],
        agent=texts[agent],
        path=None if name is None else f"{texts[folder]}{name}",
        session_id=session,
        parent_session_id=parent,
        project=texts[project],
        cwd=texts[cwd],
        pid=pid,
    )


def _as_counts(row: tuple[Any, ...]) -> Counts:
    start_ms, last_ms, lines, chars, malformed, oversize, bytes_read = row
    return Counts(
        start_ts_ms=start_ms,
        last_activity_ms=last_ms,
        line_count=lines,
        char_count=chars,
        malformed_count=malformed,
        oversize_count=oversize,
        bytes_read=bytes_read,
    )


def _as_position(row: tuple[Any, ...]) -> Position:
    dev, inode, offset, head_len, head, mark_len, mark, size, mtime_ns, generation = row
    return Position(
        dev=dev & _U64,
        inode=inode & _U64,
        offset=offset,
        head_len=head_len,
        head_hash=head & _U64,
        mark_len=mark_len,
        mark_hash=mark & _U64,
        size=size,
        mtime_ns=mtime_ns,
        generation=generation,
    )


def _split(path: str | None) -> tuple[str | None, str | None]:
    """Return the folder with its last slash, which many paths share, and the rest."""
    if path is None:
        return None, None

    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _signed(number: int) -> int:
    """Return an unsigned 64-bit number as SQLite, whose integers are signed, has it."""
    return number - ((number >> 63) << 64)
