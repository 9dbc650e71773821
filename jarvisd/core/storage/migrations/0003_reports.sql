-- Version 3: what reports need beside the books.

-- When things happened: for the newest hour, the edges of a window, and days of calls.
CREATE INDEX response_at ON response (at_ms);
CREATE INDEX call_at ON call (called_ms);

-- Where skills, agents and commands come from, as the user imported it. Names are
-- without a slash in front.
CREATE TABLE attribution (
    kind   TEXT NOT NULL CHECK (kind IN ('skill', 'agent', 'command')),
    name   TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('curated', 'flea')),
    ref_id TEXT NOT NULL,
    PRIMARY KEY (kind, name, source)
) STRICT, WITHOUT ROWID;

-- One source for each name: what was curated comes before what was found at the flea
-- market.
CREATE VIEW attributed AS
SELECT kind, name, min(source) AS source, ref_id
FROM attribution
GROUP BY kind, name;

-- Every use of a tool, a skill, a subagent or a command, with words for numbers. Use
-- of what is in no attribution is `builtin`.
CREATE VIEW tool_use AS
SELECT call.session, called_ms AS at_ms,
       CASE WHEN call.server IS NULL THEN tool.text
            ELSE server.text || '/' || tool.text END AS name,
       CASE WHEN call.skill IS NOT NULL THEN 'skill'
            WHEN call.kind = 1 THEN 'subagent'
            WHEN call.kind = 2 THEN 'mcp'
            ELSE 'tool' END AS kind,
       coalesce(skill.text, subagent.text) AS item,
       coalesce(of_skill.source, of_agent.source, 'builtin') AS source,
       CASE WHEN of_skill.source IS NULL THEN of_agent.ref_id
            ELSE of_skill.ref_id END AS ref_id,
       call.outcome IS 1 AS failed,
       call.outcome IS 2 AS denied,
       coalesce(measured_ms, max(0, returned_ms - called_ms)) AS duration_ms
FROM call
JOIN text AS tool ON tool.text_key = call.tool
LEFT JOIN text AS server ON server.text_key = call.server
LEFT JOIN text AS skill ON skill.text_key = call.skill
LEFT JOIN text AS subagent ON subagent.text_key = call.subagent
LEFT JOIN attributed AS of_skill
       ON of_skill.kind = 'skill' AND of_skill.name = skill.text
LEFT JOIN attributed AS of_agent
       ON of_agent.kind = 'agent' AND of_agent.name = subagent.text
UNION ALL
SELECT mark.session, at_ms, command.text, 'command', command.text,
       coalesce(of_command.source, 'builtin'), of_command.ref_id, 0, 0, NULL
FROM mark
JOIN text AS command ON command.text_key = mark.name
LEFT JOIN attributed AS of_command
       ON of_command.kind = 'command' AND of_command.name = command.text
WHERE mark.mark = 'command';

-- Days of UTC, by tool and by plugin. They are views, so no rebuild can forget a day,
-- and what comes late is in its day. A store belongs to one user.
CREATE VIEW tool_daily AS
SELECT date(at_ms / 1000, 'unixepoch') AS day, name AS tool_name, source,
       count(*) AS invocations, sum(failed) AS error_count, 1 AS distinct_users,
       count(DISTINCT session) AS distinct_sessions
FROM tool_use
WHERE kind <> 'command' AND at_ms IS NOT NULL
GROUP BY day, tool_name, source;

CREATE VIEW plugin_daily AS
SELECT date(at_ms / 1000, 'unixepoch') AS day, source, ref_id,
       count(*) AS invocations, 1 AS distinct_users,
       count(DISTINCT session) AS distinct_sessions
FROM tool_use
WHERE ref_id IS NOT NULL AND at_ms IS NOT NULL
GROUP BY day, source, ref_id;
