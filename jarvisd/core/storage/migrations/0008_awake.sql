-- Version 8: when there was somebody to see states change. Times are Unix ms, UTC.

-- From *start_ms* to *end_ms* a daemon ran on a machine that was awake. Written once a
-- minute while a session works or waits: what lasted beyond that nobody has seen.
CREATE TABLE awake (
    start_ms INTEGER PRIMARY KEY,
    end_ms   INTEGER NOT NULL
) STRICT;
