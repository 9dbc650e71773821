-- Version 6: every change of state of every session, in order. Times are Unix ms, UTC.
CREATE TABLE transition (
    number     INTEGER PRIMARY KEY,           -- without gaps: the cursor of followers
    agent      TEXT NOT NULL,
    session_id TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    before     TEXT,                          -- NULL: the first that is known
    state      TEXT NOT NULL,
    activity   TEXT,
    tool       TEXT,
    evidence   TEXT NOT NULL,
    tier       TEXT NOT NULL,
    confidence TEXT NOT NULL,
    until_ms   INTEGER
) STRICT;
CREATE INDEX transition_session ON transition (agent, session_id, number);
CREATE INDEX transition_at ON transition (at_ms);
