-- Version 5: segments, and what waits to be sent of them. Times are Unix ms, UTC.

-- One row a closed segment; the record is JSON, as everybody gets it.
CREATE TABLE segment (
    segment_key INTEGER PRIMARY KEY,          -- the order in which they were closed
    segment_id  TEXT NOT NULL UNIQUE,         -- makes repeats harmless
    agent       TEXT NOT NULL,
    session_id  TEXT NOT NULL,
    number      INTEGER NOT NULL,
    ended_ms    INTEGER NOT NULL,
    record      TEXT NOT NULL,
    UNIQUE (agent, session_id, number)
) STRICT;
CREATE INDEX segment_ended ON segment (ended_ms);

-- Segments that a sink has not taken yet. A row goes when the sink has it.
CREATE TABLE outbox (
    outbox_key  INTEGER PRIMARY KEY,
    sink        TEXT NOT NULL,                -- the name of the sink in the configuration
    record_id   TEXT NOT NULL,                -- the segment's id
    record      TEXT NOT NULL,                -- JSON
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_ms     INTEGER NOT NULL DEFAULT 0,   -- not to be tried again before
    UNIQUE (sink, record_id)
) STRICT;
CREATE INDEX outbox_next ON outbox (sink, next_ms, outbox_key);
