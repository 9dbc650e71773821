"""Rows of the table `block` to and from `SavedBlock`; the statements that move them."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jarvisd.model.block import Counts, Kind, Origin
from jarvisd.model.saved import SavedBlock
from jarvisd.model.source import Position, SourceState

_UPSERT: Final = """
INSERT INTO block (
    block_id, revision,
    kind, agent, folder, name, session_id, parent_session_id, project, cwd, pid,
    start_ts_ms, last_activity_ms, line_count, char_count, malformed_count,
    oversize_count, bytes_read,
    dev, inode, read_offset, head_len, head_hash, mark_len, mark_hash, size, mtime_ns,
    generation,
    ended, exit_status, state, error
) VALUES (
    ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?,
    ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?,
    ?, ?, ?, ?
) ON CONFLICT (block_id) DO UPDATE SET
    revision = excluded.revision,
    kind = excluded.kind, agent = excluded.agent,
    folder = excluded.folder, name = excluded.name,
    session_id = excluded.session_id, parent_session_id = excluded.parent_session_id,
    project = excluded.project, cwd = excluded.cwd, pid = excluded.pid,
    start_ts_ms = excluded.start_ts_ms, last_activity_ms = excluded.last_activity_ms,
    line_count = excluded.line_count, char_count = excluded.char_count,
    malformed_count = excluded.malformed_count,
    oversize_count = excluded.oversize_count, bytes_read = excluded.bytes_read,
    dev = excluded.dev, inode = excluded.inode, read_offset = excluded.read_offset,
    head_len = excluded.head_len, head_hash = excluded.head_hash,
    mark_len = excluded.mark_len, mark_hash = excluded.mark_hash,
    size = excluded.size, mtime_ns = excluded.mtime_ns, generation = excluded.generation,
    ended = excluded.ended, exit_status = excluded.exit_status,
    state = excluded.state, error = excluded.error
"""

_SELECT: Final = """
SELECT
    block_id, revision,
    kind, agent, folder, name, session_id, parent_session_id, project, cwd, pid,
    start_ts_ms, last_activity_ms, line_count, char_count, malformed_count,
    oversize_count, bytes_read,
    dev, inode, read_offset, head_len, head_hash, mark_len, mark_hash, size, mtime_ns,
    generation,
    ended, exit_status, state, error
FROM block ORDER BY block_key
"""

_NEXT_REVISION: Final = """
UPDATE store SET revision = max(revision, ?) + 1 RETURNING revision
"""

_U64: Final = 0xFFFF_FFFF_FFFF_FFFF
_KINDS: Final = {each.value: each for each in Kind}
_STATES: Final = {each.value: each for each in SourceState}

Row = tuple[str | int | None, ...]
"""In the order of the columns in `_UPSERT`, not by name: that is twice as fast."""


@dataclass(slots=True)
class Texts:
    """The numbers of shared strings, remembered so that a row costs no look-up.

    Numbers given in a transaction that is rolled back are void: `forget` them.
    """

    _keys: dict[str, int] = field(default_factory=dict)

    def key(self, raw: sqlite3.Connection, text: str | None) -> int | None:
        """Return the number of *text*, giving it one if it is new."""
        if text is None:
            return None

        key = self._keys.get(text)
        if key is None:
            key = self._keys[text] = _text_key(raw, _storable(text))
        return key

    def forget(self) -> None:
        """Trust only the table again."""
        self._keys.clear()


def next_revision(raw: sqlite3.Connection, *, above: int) -> int:
    """Count one flush; return its number, which is greater than *above*."""
    row: tuple[int] = raw.execute(_NEXT_REVISION, (above,)).fetchall()[0]
    return row[0]


def read_revision(raw: sqlite3.Connection) -> int:
    """Return the number of flushes ever committed."""
    row: tuple[int] = raw.execute("SELECT revision FROM store").fetchone()
    return row[0]


def write_blocks(
    raw: sqlite3.Connection, blocks: tuple[SavedBlock, ...], texts: Texts, revision: int
) -> None:
    """Insert or replace the rows of *blocks*, inside the caller's transaction.

    Rows are made one at a time as SQLite takes them, which releases the interpreter
    between any two: the event loop goes on beside a batch of any length.
    """
    raw.executemany(_UPSERT, _rows(raw, blocks, texts, revision))


def read_blocks(raw: sqlite3.Connection) -> list[SavedBlock]:
    """Return every block, in the order in which they were first stored."""
    texts: dict[int | None, str | None] = dict(
        raw.execute("SELECT text_key, text FROM text").fetchall()
    )
    texts[None] = None
    return [_block(row, texts) for row in raw.execute(_SELECT)]


def _rows(
    raw: sqlite3.Connection, blocks: tuple[SavedBlock, ...], texts: Texts, revision: int
) -> Iterator[Row]:
    for block in blocks:
        yield _row(raw, block, texts, revision)


def _row(
    raw: sqlite3.Connection, block: SavedBlock, texts: Texts, revision: int
) -> Row:
    origin, counts, position = block.origin, block.counts, block.position
    folder, name = _split(origin.path)
    return (
        origin.block_id,
        revision,
        origin.kind.value,
        texts.key(raw, origin.agent),
        texts.key(raw, folder),
        name and _storable(name),
        origin.session_id and _storable(origin.session_id),
        origin.parent_session_id and _storable(origin.parent_session_id),
        texts.key(raw, origin.project),
        texts.key(raw, origin.cwd),
        origin.pid,
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
        block.ended,
        block.exit_status,
        block.state.value,
        block.error and _storable(block.error),
    )


def _block(row: tuple[Any, ...], texts: Mapping[int | None, Any]) -> SavedBlock:
    (
        block_id,
        revision,
        kind,
        agent,
        folder,
        name,
        session_id,
        parent_session_id,
        project,
        cwd,
        pid,
        start_ts_ms,
        last_activity_ms,
        line_count,
        char_count,
        malformed_count,
        oversize_count,
        bytes_read,
        dev,
        inode,
        offset,
        head_len,
        head_hash,
        mark_len,
        mark_hash,
        size,
        mtime_ns,
        generation,
        ended,
        exit_status,
        state,
        error,
    ) = row  # fmt: skip - as in _SELECT
    return SavedBlock(
        origin=Origin(
            block_id=block_id,
            kind=_KINDS[kind],
            agent=texts[agent],
            path=None if name is None else f"{texts[folder]}{name}",
            session_id=session_id,
            parent_session_id=parent_session_id,
            project=texts[project],
            cwd=texts[cwd],
            pid=pid,
        ),
        position=Position(
            dev=dev & _U64,
            inode=inode & _U64,
            offset=offset,
            head_len=head_len,
            head_hash=head_hash & _U64,
            mark_len=mark_len,
            mark_hash=mark_hash & _U64,
            size=size,
            mtime_ns=mtime_ns,
            generation=generation,
        ),
        counts=Counts(
            start_ts_ms=start_ts_ms,
            last_activity_ms=last_activity_ms,
            line_count=line_count,
            char_count=char_count,
            malformed_count=malformed_count,
            oversize_count=oversize_count,
            bytes_read=bytes_read,
        ),
        ended=bool(ended),
        exit_status=exit_status,
        state=_STATES[state],
        error=error,
        revision=revision,
    )


def _split(path: str | None) -> tuple[str | None, str | None]:
    """Return the folder with its last slash, which many paths share, and the rest."""
    if path is None:
        return None, None

    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _storable(text: str) -> str:
    """Return *text* without what is no Unicode: half a surrogate fails the batch."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _signed(number: int) -> int:
    """Return an unsigned 64-bit number as SQLite, whose integers are signed, has it."""
    return number - ((number >> 63) << 64)


def _text_key(raw: sqlite3.Connection, text: str) -> int:
    raw.execute("INSERT INTO text (text) VALUES (?) ON CONFLICT DO NOTHING", (text,))
    row: tuple[int] = raw.execute(
        "SELECT text_key FROM text WHERE text = ?", (text,)
    ).fetchone()
    return row[0]
