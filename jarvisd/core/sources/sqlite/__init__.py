"""Rows of an agent's live SQLite database, read without a lock, a file or a write.

- `database_queries`: what an agent says about its database, as a value; no I/O
- `database_source`: the source of one database
- `database_look`: what is new in one committed state, with `stream_reader`,
  `unnumbered_rows` and `row_delivery`
- `database_cursor`: how far each stream was read
- `lock_free_vfs`: SQL on that state, by apsw; the only module that imports it
- `database_pages`: where the pages of the state are
- `database_files`, `write_ahead_log`: the file, and the log that is newer than it
- `wal_format`: the file formats of SQLite's write-ahead log and its index

`docs/internals/sources.md` describes the method and what it was tested against.
"""
