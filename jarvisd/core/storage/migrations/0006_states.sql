-- Version 6: every change of state of every session. Times are Unix ms, UTC. Numbers of
-- `text` stand for strings.

-- `number` ascends and is never used twice: the cursor of those who follow. Enumerations
-- are words of jarvisd/state/model.py.
CREATE TABLE transition (
    number     INTEGER PRIMARY KEY,
    session    INTEGER NOT NULL REFERENCES session,
    at_ms      INTEGER NOT NULL,
    before     INTEGER REFERENCES text,       -- NULL: the first that is known
    state      INTEGER NOT NULL REFERENCES text,
    activity   INTEGER REFERENCES text,
    tool       INTEGER REFERENCES text,
    evidence   INTEGER NOT NULL REFERENCES text,
    tier       INTEGER NOT NULL REFERENCES text,
    confidence INTEGER NOT NULL REFERENCES text,
    until_ms   INTEGER
) STRICT;
CREATE INDEX transition_session ON transition (session, number);
CREATE INDEX transition_at ON transition (at_ms);
