-- Version 9: what a source has to know to go on is one value, which it alone reads.

-- Of a file, as JSON: offset, size and generation, as in the columns of these names;
-- device, inode, the length and hash of its first bytes, the same of the bytes before
-- the offset, and its time in ns. Device, inode and hashes are unsigned.
ALTER TABLE block ADD COLUMN cursor BLOB NOT NULL DEFAULT x'';
UPDATE block SET cursor = CAST(
    printf('[%d,%d,%d,%u,%u,%d,%u,%d,%u,%d]', read_offset, size, generation, dev, inode,
           head_len, head_hash, mark_len, mark_hash, mtime_ns) AS BLOB)
WHERE kind = 'transcript';

DROP VIEW block_shown;
ALTER TABLE block DROP COLUMN dev;
ALTER TABLE block DROP COLUMN inode;
ALTER TABLE block DROP COLUMN head_len;
ALTER TABLE block DROP COLUMN head_hash;
ALTER TABLE block DROP COLUMN mark_len;
ALTER TABLE block DROP COLUMN mark_hash;
ALTER TABLE block DROP COLUMN mtime_ns;

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
