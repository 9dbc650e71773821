-- Version 10: what is remembered of a block between two of its lines, apart for each.

-- What the reader of its agent, the ledger and the judgement of states need to go on at
-- the position. Encoded by whom it belongs to; NULL: nothing.
ALTER TABLE block RENAME COLUMN carry TO ledger_memory;
ALTER TABLE block ADD COLUMN reader_memory BLOB;
ALTER TABLE block ADD COLUMN state_memory BLOB;
