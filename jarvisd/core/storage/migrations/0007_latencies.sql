-- Version 7: how long responses took, and since when segments are told to sinks.

ALTER TABLE response ADD COLUMN latency_ms REAL; -- null: nobody knows what it answered

-- What ended before is history, read for the first time: it is kept, and sent nowhere.
ALTER TABLE store ADD COLUMN segments_since_ms INTEGER;
UPDATE store SET segments_since_ms = 1000 * unixepoch();
