-- Version 1 of the store. Never edited after its release: what comes later is a
-- script in migrations/. Times are Unix ms, UTC. Look inside with
--   sqlite3 'file:jarvisd.db?mode=ro' 'SELECT * FROM block_shown'

-- One row: facts about the database as a whole.
CREATE TABLE store (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL  -- flushes ever committed: the cursor of clients
) STRICT;

-- Strings that many rows share, once each. Rows refer to them by number, so that
-- five thousand blocks of one project do not repeat its path five thousand times.
CREATE TABLE text (
    text_key INTEGER PRIMARY KEY,
    text     TEXT NOT NULL UNIQUE
) STRICT;

-- One row a block: one stream of an agent's output. Counts and position share the
-- row on purpose: neither can ever be stored without the other.
CREATE TABLE block (
    block_key         INTEGER PRIMARY KEY,    -- for other tables to refer to
    block_id          TEXT NOT NULL UNIQUE,   -- for everybody else
    revision          INTEGER NOT NULL,       -- the flush that wrote this row

    -- Whose it is.
    kind              TEXT NOT NULL,          -- transcript, fifo, process, push
    agent             INTEGER NOT NULL REFERENCES text,
    folder            INTEGER REFERENCES text, -- of the path, with its last slash
    name              TEXT,                   -- of the path, behind that slash
    session_id        TEXT,
    parent_session_id TEXT,
    project           INTEGER REFERENCES text,
    cwd               INTEGER REFERENCES text,
    pid               INTEGER,

    -- What was counted.
    start_ts_ms       INTEGER,
    last_activity_ms  INTEGER,
    line_count        INTEGER NOT NULL,
    char_count        INTEGER NOT NULL,
    malformed_count   INTEGER NOT NULL,
    oversize_count    INTEGER NOT NULL,
    bytes_read        INTEGER NOT NULL,

    -- How far the source was read, and how to know it again. Inode, device and the
    -- two hashes are unsigned 64-bit numbers; from 2^63 on they show as negative.
    dev               INTEGER NOT NULL,
    inode             INTEGER NOT NULL,
    read_offset       INTEGER NOT NULL,       -- always behind a line end
    head_len          INTEGER NOT NULL,
    head_hash         INTEGER NOT NULL,       -- of the first head_len bytes
    mark_len          INTEGER NOT NULL,
    mark_hash         INTEGER NOT NULL,       -- of the mark_len bytes before read_offset
    size              INTEGER NOT NULL,
    mtime_ns          INTEGER NOT NULL,
    generation        INTEGER NOT NULL,

    -- How it stands.
    ended             INTEGER NOT NULL CHECK (ended IN (0, 1)),
    exit_status       INTEGER,
    state             TEXT NOT NULL,          -- active, gone, quarantined
    error             TEXT
) STRICT;

-- The same with words for numbers, for people.
CREATE VIEW block_shown AS
SELECT b.block_id, b.kind, agent.text AS agent, project.text AS project,
       folder.text || b.name AS path, cwd.text AS cwd, b.session_id,
       b.parent_session_id, b.pid,
       datetime(b.start_ts_ms / 1000, 'unixepoch') AS started,
       datetime(b.last_activity_ms / 1000, 'unixepoch') AS last_activity,
       b.line_count, b.char_count, b.char_count / 4 AS token_estimate,
       b.malformed_count, b.oversize_count, b.bytes_read, b.read_offset, b.size,
       b.generation, b.ended, b.exit_status, b.state, b.error, b.revision
FROM block AS b
LEFT JOIN text AS agent   ON agent.text_key   = b.agent
LEFT JOIN text AS project ON project.text_key = b.project
LEFT JOIN text AS folder  ON folder.text_key  = b.folder
LEFT JOIN text AS cwd     ON cwd.text_key     = b.cwd;

INSERT INTO store (one, revision) VALUES (1, 0);
