-- Version 11: on which branch, for which account and at what stated cost things were done.
-- Rows of logs that are read again get theirs; of logs that are gone nobody knows.

ALTER TABLE response ADD COLUMN branch INTEGER REFERENCES text;
ALTER TABLE response ADD COLUMN account INTEGER REFERENCES text; -- key of a configuration folder
ALTER TABLE response ADD COLUMN stated_micros INTEGER; -- the cost, as the agent or its provider says
ALTER TABLE call ADD COLUMN branch INTEGER REFERENCES text;
ALTER TABLE call ADD COLUMN account INTEGER REFERENCES text;
ALTER TABLE call ADD COLUMN response INTEGER;              -- the key of the one that asked for it
ALTER TABLE mark ADD COLUMN branch INTEGER REFERENCES text;
ALTER TABLE mark ADD COLUMN account INTEGER REFERENCES text;

-- What a session spent on a model and branch, for an account, in a quarter of an hour.
ALTER TABLE cell RENAME TO cell_before;
CREATE TABLE cell (
    quarter        INTEGER NOT NULL,      -- Unix ms / 900000
    session        INTEGER NOT NULL REFERENCES session,
    model          INTEGER NOT NULL,      -- a text; 0: unknown
    branch         INTEGER NOT NULL,      -- likewise
    account        INTEGER NOT NULL,      -- likewise
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
    PRIMARY KEY (quarter, session, model, branch, account)
) STRICT, WITHOUT ROWID;
INSERT INTO cell
SELECT quarter, session, model, 0, 0, input, cache_read, cache_write_5m, cache_write_1h,
       output, reasoning, cost_micros, unpriced, responses, web_searches
FROM cell_before;
DROP TABLE cell_before;
