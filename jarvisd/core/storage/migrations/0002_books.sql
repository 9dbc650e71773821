-- Version 2: the books. What agents did and spent, each thing once, and what it sums to.
-- Times are Unix ms, UTC. Numbers of `text` stand for strings, as in `block`.

-- What the ledger must remember of a block at its position, and which version of the
-- parser has read it so far. 0: it is still to be read into the books.
ALTER TABLE block ADD COLUMN parser_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE block ADD COLUMN carry BLOB;

-- Lines that could not be taken in; some of each block, not all.
CREATE TABLE bad_line (
    block_key   INTEGER NOT NULL REFERENCES block,
    line_offset INTEGER NOT NULL,
    length      INTEGER NOT NULL,         -- in bytes
    reason      TEXT NOT NULL,
    PRIMARY KEY (block_key, line_offset)
) STRICT, WITHOUT ROWID;

-- One row a session, by the agent's own id. Columns are for asking; `state` is all of
-- it, for the daemon to go on from.
CREATE TABLE session (
    session_key       INTEGER PRIMARY KEY,
    agent             INTEGER NOT NULL REFERENCES text,
    session_id        TEXT NOT NULL,
    revision          INTEGER NOT NULL,   -- the flush that wrote this row
    prices            INTEGER REFERENCES text, -- the price table behind the costs
    parent_session_id TEXT,
    cwd               INTEGER REFERENCES text,
    title             TEXT,
    model             INTEGER REFERENCES text, -- that of most responses
    input             INTEGER NOT NULL,   -- tokens, in disjoint buckets
    cache_read        INTEGER NOT NULL,
    cache_write_5m    INTEGER NOT NULL,
    cache_write_1h    INTEGER NOT NULL,
    output            INTEGER NOT NULL,
    reasoning         INTEGER NOT NULL,   -- a part of output
    cost_micros       INTEGER NOT NULL,   -- millionths of a dollar
    unpriced          INTEGER NOT NULL,   -- responses without a price
    messages          INTEGER NOT NULL,
    prompts           INTEGER NOT NULL,
    tool_calls        INTEGER NOT NULL,
    tool_errors       INTEGER NOT NULL,
    started_ms        INTEGER,
    last_ms           INTEGER,
    active_ms         INTEGER NOT NULL,
    context_tokens    INTEGER,
    window_tokens     INTEGER,
    state             BLOB NOT NULL,
    UNIQUE (agent, session_id)
) STRICT;

-- One row a response of a model, merged from all copies in all files. `key` is a hash
-- of the agent's own id; jarvisd/ledger/model.py says what each column means.
CREATE TABLE response (
    response_key     INTEGER PRIMARY KEY,
    key              INTEGER NOT NULL UNIQUE,
    session          INTEGER NOT NULL REFERENCES session,
    rank             INTEGER NOT NULL,    -- 1 in a subagent's transcript
    start_ms         INTEGER NOT NULL,    -- of that transcript
    version          INTEGER NOT NULL,    -- of the parser
    at_ms            INTEGER,
    model            INTEGER REFERENCES text,
    model_ms         INTEGER NOT NULL,
    served           TEXT,                -- speed/tier/place; null is the standard
    input_cached     INTEGER,
    input_bare       INTEGER,
    cache_read       INTEGER NOT NULL,
    cache_write_flat INTEGER NOT NULL,
    cache_write_5m   INTEGER NOT NULL,
    cache_write_1h   INTEGER NOT NULL,
    output           INTEGER NOT NULL,
    reasoning        INTEGER NOT NULL,
    web_searches     INTEGER NOT NULL
) STRICT;
CREATE INDEX response_of_session ON response (session);

-- One row a tool call, from its call and its result.
CREATE TABLE call (
    call_key    INTEGER PRIMARY KEY,
    key         INTEGER NOT NULL UNIQUE,
    session     INTEGER NOT NULL REFERENCES session,
    rank        INTEGER NOT NULL,
    start_ms    INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    tool        INTEGER REFERENCES text,  -- null: only its result is known
    kind        INTEGER NOT NULL,         -- 0 tool, 1 subagent, 2 mcp
    server      INTEGER REFERENCES text,
    skill       INTEGER REFERENCES text,
    subagent    INTEGER REFERENCES text,
    called_ms   INTEGER,
    returned_ms INTEGER,
    measured_ms INTEGER,                  -- as the agent says
    outcome     INTEGER                   -- 0 ok, 1 error, 2 denied; null: none yet
) STRICT;
CREATE INDEX call_of_session ON call (session);

-- One row a thing that takes no time.
CREATE TABLE mark (
    mark_key INTEGER PRIMARY KEY,
    key      INTEGER NOT NULL UNIQUE,
    session  INTEGER NOT NULL REFERENCES session,
    rank     INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    mark     TEXT NOT NULL,               -- prompt, command, compaction, interrupt, api_error
    at_ms    INTEGER,
    name     INTEGER REFERENCES text,
    chars    INTEGER NOT NULL
) STRICT;
CREATE INDEX mark_of_session ON mark (session);

-- What a session spent on a model in a quarter of an hour: the sums of its responses.
CREATE TABLE cell (
    quarter        INTEGER NOT NULL,      -- Unix ms / 900000
    session        INTEGER NOT NULL REFERENCES session,
    model          INTEGER NOT NULL,      -- a text; 0: unknown
    input          INTEGER NOT NULL,
    cache_read     INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output         INTEGER NOT NULL,
    reasoning      INTEGER NOT NULL,
    cost_micros    INTEGER NOT NULL,
    unpriced       INTEGER NOT NULL,
    responses      INTEGER NOT NULL,
    web_searches   INTEGER NOT NULL,
    PRIMARY KEY (quarter, session, model)
) STRICT, WITHOUT ROWID;

-- The newest word on each limit of an account.
CREATE TABLE account_limit (
    agent   INTEGER NOT NULL REFERENCES text,
    name    TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    plan    TEXT,
    windows TEXT NOT NULL,                -- JSON
    PRIMARY KEY (agent, name)
) STRICT, WITHOUT ROWID;

-- The books with words for numbers, for people.
CREATE VIEW session_shown AS
SELECT s.session_id, agent.text AS agent, s.parent_session_id, cwd.text AS cwd, s.title,
       model.text AS model, s.input, s.cache_read, s.cache_write_5m, s.cache_write_1h,
       s.output, s.reasoning, s.cost_micros / 1e6 AS dollars, s.unpriced, s.messages,
       s.prompts, s.tool_calls, s.tool_errors,
       datetime(s.started_ms / 1000, 'unixepoch') AS started,
       datetime(s.last_ms / 1000, 'unixepoch') AS last, s.active_ms / 1000 AS active_s
FROM session AS s
LEFT JOIN text AS agent ON agent.text_key = s.agent
LEFT JOIN text AS cwd   ON cwd.text_key   = s.cwd
LEFT JOIN text AS model ON model.text_key = s.model;
