-- Version 4: conversations. The only tables that hold what somebody said, and only what
-- was handed over for keeping or recorded because the user switched that on. Times are
-- Unix ms, UTC.

-- One row a conversation: one person's thread across channels, or that of all agents
-- in one project. Counts are kept, so that saving costs the same whatever is there.
CREATE TABLE conversation (
    conversation_key INTEGER PRIMARY KEY,
    conversation_id  TEXT NOT NULL UNIQUE,    -- for everybody else
    user_id          TEXT NOT NULL,
    display_name     TEXT NOT NULL,
    project          TEXT,                    -- of recorded ones: the agents' folder
    created_ms       INTEGER NOT NULL,
    last_activity_ms INTEGER NOT NULL,
    message_count    INTEGER NOT NULL DEFAULT 0, -- messages there are, without the summary
    folded_count     INTEGER NOT NULL DEFAULT 0, -- messages that the summary stands for
    metadata         TEXT NOT NULL DEFAULT '{}'  -- JSON, the client's own
) STRICT;
CREATE INDEX conversation_user ON conversation (user_id);
CREATE INDEX conversation_active ON conversation (last_activity_ms);
CREATE INDEX conversation_project ON conversation (project) WHERE project IS NOT NULL;

-- Who somebody is on a channel: one conversation at most.
CREATE TABLE channel_link (
    channel          TEXT NOT NULL,
    channel_user_id  TEXT NOT NULL,
    conversation_key INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    PRIMARY KEY (channel, channel_user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_link_conversation ON channel_link (conversation_key);

-- One row a message; the key is the order in which they came. A summary has the key of
-- the newest message it stands for, and so is always the first of its conversation.
CREATE TABLE conversation_message (
    message_key      INTEGER PRIMARY KEY,
    conversation_key INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    role             TEXT NOT NULL,           -- user, assistant, system, tool
    channel          TEXT NOT NULL,           -- "" if none was told
    at_ms            INTEGER NOT NULL,
    folded           INTEGER NOT NULL DEFAULT 0, -- of a summary: for how many it stands
    content          TEXT NOT NULL,
    metadata         TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX conversation_message_of ON conversation_message (conversation_key);

-- Where a message came from, if it can come twice: a hash of the sender's own id of it.
-- It outlives the message, which may be folded before its source is read again.
CREATE TABLE message_origin (
    origin_key       INTEGER PRIMARY KEY,
    message_key      INTEGER NOT NULL,        -- as it was; the row may be folded by now
    conversation_key INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    session_id       TEXT                     -- of a recorded message: the agent's session
) STRICT;
CREATE INDEX message_origin_conversation ON message_origin (conversation_key);
CREATE INDEX message_origin_session ON message_origin (session_id)
    WHERE session_id IS NOT NULL;

-- The words of the messages, for `recall`. The text itself is not kept twice. Kept up by
-- jarvisd/conversations/word_index_store.py and not by triggers, which SQLite lets no schema use that is not
-- trusted (PRAGMA trusted_schema).
CREATE VIRTUAL TABLE message_text USING fts5 (
    content, content = 'conversation_message', content_rowid = 'message_key',
    columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
);
