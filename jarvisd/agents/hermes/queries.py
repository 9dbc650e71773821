"""What to ask the database of Hermes.

sessions(id, source, parent_session_id, title, cwd, git_branch, counters)  in place
messages(id, session_id, role, content, tool_calls, timestamp)    inserted, numbered
session_model_usage(session_id, model, provider, url, mode, task, counters)  in place

The number of a message is the number of an entry: one sequence for all sessions. An
answer and its counters are written in one transaction. Versions before 0.19 have the
counters of a session in its row alone, under the model that it began with.
"""

from jarvisd.core.sources.sqlite.database_queries import DatabaseQueries, RowQuery

_PARENT = """
  case when source = 'subagent' or json_valid(model_config)
      and json_extract(model_config, '$._delegate_from') is not null
    then parent_session_id end"""

_OLD_PARENT = "case when source = 'subagent' then parent_session_id end"

_COUNTERS = (
    "requests",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "estimated",
    "actual",
)
_SUMS = """
  coalesce(api_call_count, 0), coalesce(input_tokens, 0), coalesce(output_tokens, 0),
  coalesce(cache_read_tokens, 0), coalesce(cache_write_tokens, 0),
  coalesce(reasoning_tokens, 0), coalesce(estimated_cost_usd, 0),
  coalesce(actual_cost_usd, 0)"""

_OLD_SUMS = _SUMS.replace("coalesce(api_call_count, 0)", "message_count")
_ANSWERS = """
  (select count(*) from messages
   where session_id = sessions.id and role = 'assistant')"""

_KEY = """json_array(session_id, model, billing_provider, billing_base_url,
  billing_mode, task)"""


def _message(parent: str, folder: str, branch: str) -> RowQuery:
    return RowQuery(
        f"""
        select messages.session_id, coalesce(length(content), 0), messages.session_id,
          messages.id, {parent}, {folder}, {branch}, timestamp, role, content,
          case when json_valid(tool_calls) then tool_calls end, tool_call_id, tool_name,
          finish_reason
        from messages join sessions on sessions.id = messages.session_id
        where messages.id = :key""",  # noqa: S608 - the names above
        columns=(
            "session",
            "id",
            "parent",
            "folder",
            "branch",
            "at",
            "role",
            "content",
            "calls",
            "call",
            "tool",
            "finish",
        ),
        json=frozenset({"calls"}),
    )


def _session(parent: str, folder: str, branch: str) -> RowQuery:
    return RowQuery(
        f"""
        select id, coalesce(length(title), 0), id, {parent}, {folder}, {branch}, title
        from sessions where id = :key""",  # noqa: S608 - the names above
        columns=("session", "parent", "folder", "branch", "title"),
    )


# Numbers follow times but for a clock that is set back, which the newest few outlast: to
# ask for the greatest number of all would read each entry of the index each time.
_STREAMS = """
  select id, newest from (
    select id, (
      select max(number) from (
        select messages.id as number from messages
        where messages.session_id = sessions.id
        order by messages.timestamp desc limit 8)) as newest
    from sessions)
  where newest is not null order by 2 desc"""
_MARK = "select timestamp || role from messages where id = :sequence"
_CHANGES = """
  select id, 'messages', id from messages
  where session_id = :stream and id > :after order by id limit :limit"""
_ROWS = """
  select 'messages', id, coalesce(length(content), 0) from messages
  where session_id = :stream order by id"""

_MESSAGES = frozenset(
    {
        "id",
        "session_id",
        "role",
        "content",
        "tool_calls",
        "tool_call_id",
        "tool_name",
        "timestamp",
        "finish_reason",
    }
)
_SESSIONS = frozenset(
    {
        "id",
        "source",
        "model",
        "parent_session_id",
        "started_at",
        "title",
        "message_count",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "estimated_cost_usd",
        "actual_cost_usd",
    }
)

# Rows of sessions hold long prompts in front of what changes: of those with a title an
# index has that, and the others have nothing to tell.
_TITLES = """
  select sessions.id, 'sessions', sessions.id, length(titled.title), titled.title
  from (select rowid as place, title from sessions where title is not null) as titled
    join sessions on sessions.rowid = titled.place"""

WITHOUT_MODELS = DatabaseQueries(
    needs={"messages": _MESSAGES, "sessions": _SESSIONS},
    streams=_STREAMS,
    mark=_MARK,
    changes=_CHANGES,
    rows=_ROWS,
    tables={
        "messages": _message(_OLD_PARENT, "null", "null"),
        "sessions": _session(_OLD_PARENT, "null", "null"),
        "session_model_usage": RowQuery(
            f"""
            select id, 0, id, model, '', '', started_at,
              (select max(timestamp) from messages where session_id = sessions.id),
              {_OLD_SUMS.replace("message_count", _ANSWERS)}
            from sessions where id = :key""",  # noqa: S608 - the names above
            columns=("session", "model", "task", "key", "first", "at", *_COUNTERS),
        ),
    },
    unnumbered=f"""
      {_TITLES}
      union all
      select * from (
        select id, 'session_model_usage', id, 0, json_array(model, {_OLD_SUMS})
        from sessions order by started_at desc limit :limit / 2)""",  # noqa: S608 - the names above
)
"""Of versions before 0.19, which count messages and no requests."""

QUERIES = DatabaseQueries(
    needs={
        "messages": _MESSAGES,
        "sessions": _SESSIONS | {"cwd", "git_branch", "model_config"},
        "session_model_usage": frozenset(
            {
                "session_id",
                "model",
                "billing_provider",
                "billing_base_url",
                "billing_mode",
                "task",
                "api_call_count",
                "input_tokens",
                "output_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
                "reasoning_tokens",
                "estimated_cost_usd",
                "actual_cost_usd",
                "first_seen",
                "last_seen",
            }
        ),
    },
    streams=_STREAMS,
    mark=_MARK,
    changes=_CHANGES,
    rows=_ROWS,
    tables={
        "messages": _message(_PARENT, "cwd", "git_branch"),
        "sessions": _session(_PARENT, "cwd", "git_branch"),
        "session_model_usage": RowQuery(
            f"""
            select session_id, 0, session_id, model, task, {_KEY}, first_seen, last_seen,
              {_SUMS}
            from session_model_usage
            where session_id = json_extract(:key, '$[0]') and {_KEY} = :key""",  # noqa: S608 - the names above
            columns=("session", "model", "task", "key", "first", "at", *_COUNTERS),
        ),
    },
    unnumbered=f"""
      {_TITLES}
      union all
      select * from (
        select session_id, 'session_model_usage', {_KEY}, 0, json_array({_SUMS})
        from session_model_usage order by last_seen desc limit :limit / 2)""",  # noqa: S608 - the names above
    older=WITHOUT_MODELS,
)
