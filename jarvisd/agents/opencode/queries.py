"""What to ask the database of opencode.

session(id, parent_id, directory, title, version, time_created, time_updated)
message(id, session_id, time_created, time_updated, data)   data: JSON, changes in place
part(id, message_id, session_id, time_created, time_updated, data)
event(id, aggregate_id, seq, type, data)    one for each change of a session, no gaps
event_sequence(aggregate_id, seq)           the newest event of each session

Events are written by all versions since the middle of 2026. Before that they were an
experiment, and before March 2026 there were no such tables. Sessions without events
are followed by the times of their rows: the number of an entry is its time with the
place among entries of that time, so that no two have the same number.
"""

from jarvisd.core.sources.sqlite.database_queries import DatabaseQueries, RowQuery

_PER_MS = 1_000_000
"""Numbers that entries of one millisecond have between them."""

_DAY_MS = 86_400_000

_HAS_EVENTS = "exists (select 1 from event_sequence where aggregate_id = {session})"

# The last message and its parts are what is being written, and the session itself
# follows at the end of a turn. All messages would be too many to look at each time.
_NEWEST = f"""
  max(
    session.time_updated,
    coalesce((
      select max(message.time_updated, coalesce((
        select max(part.time_updated) from part where part.message_id = message.id), 0))
      from message where message.session_id = session.id
      order by message.time_created desc, message.id desc limit 1), 0)
  ) * {_PER_MS} + {_PER_MS - 1}"""  # noqa: S608 - the names above

# Where there are events, sessions without any are older than these and rest. A day more
# is more than their newest row may have had while there were none.
_SETTLED = f"""
  case when exists (select 1 from event_sequence)
    then (session.time_updated + {_DAY_MS}) * {_PER_MS} else {_NEWEST} end"""  # noqa: S608 - the names above

_BY_TIME = f"""
  select number, kind, id from (
    select time_updated * {_PER_MS} + row_number() over (
        partition by time_updated order by kind, id) as number, kind, id
    from (
      select time_updated, 'message' as kind, id from message
      where session_id = :stream and time_updated >= :after / {_PER_MS}
      union all
      select time_updated, 'part', id from part
      where session_id = :stream and time_updated >= :after / {_PER_MS}))
  where number > :after
  union all
  select {{newest}}, 'session', id from session where id = :stream"""  # noqa: S608 - the names above

_BY_EVENT = """
  select seq,
    case when type glob 'message.part.*' then 'part'
      when type glob 'message.*' then 'message'
      when type glob 'session.[cu]*' then 'session' end as kind,
    case when not json_valid(data) then ''
      when type glob 'message.part.*'
        then coalesce(json_extract(data, '$.part.id'), json_extract(data, '$.partID'))
      when type glob 'message.*'
        then coalesce(json_extract(data, '$.info.id'), json_extract(data, '$.messageID'))
      else aggregate_id end as id
  from event where aggregate_id = :stream and seq > :after and exists (
    select 1 from event where aggregate_id = :stream and seq = :after + 1)"""
"""Nothing if the next entry is missing: a session whose entries were pruned is read
from its beginning again."""

# Parts before their message: that ends what they are about. Messages in the order in
# which they were begun.
_ROWS = """
  select 'session', id, length(title), 0, '', 0, id from session where id = :stream
  union all
  select 'message', id, length(data), time_created, id, 1, '' from message
  where session_id = :stream
  union all
  select 'part', part.id, length(part.data), message.time_created, message.id, 0, part.id
  from part join message on message.id = part.message_id
  where part.session_id = :stream
  order by 4, 5, 6, 7"""

_SESSION = """session.directory, session.parent_id, session.version,
  session.time_created"""
_SESSION_NAMES = ("directory", "parent", "version", "opened")

_TABLES = {
    "session": RowQuery(
        f"select id, length(title), id, title, time_updated, {_SESSION}"  # noqa: S608 - the names above
        " from session where id = :key",
        columns=("id", "title", "updated", *_SESSION_NAMES),
    ),
    "message": RowQuery(
        f"""select message.session_id, length(data), message.id, message.time_created,
              message.time_updated, {_SESSION}, data
            from message join session on session.id = message.session_id
            where message.id = :key""",  # noqa: S608 - the names above
        columns=("id", "created", "updated", *_SESSION_NAMES, "data"),
        json=frozenset({"data"}),
    ),
    "part": RowQuery(
        f"""select part.session_id, length(part.data), part.id, part.message_id,
              part.time_created, part.time_updated, {_SESSION},
              message.data ->> '$.role',
              coalesce(message.data ->> '$.time.created', message.time_created),
              message.data ->> '$.time.completed', message.data ->> '$.modelID',
              message.data ->> '$.providerID', message.data ->> '$.mode',
              message.data ->> '$.finish', message.data ->> '$.error.name', part.data
            from part join (select id, time_created, case when json_valid(data) then data end
                as data from message) as message on message.id = part.message_id
              join session on session.id = part.session_id
            where part.id = :key""",  # noqa: S608 - the names above
        columns=(
            "id",
            "message",
            "created",
            "updated",
            *_SESSION_NAMES,
            "owner_role",
            "owner_created",
            "owner_completed",
            "owner_model",
            "owner_provider",
            "owner_mode",
            "owner_finish",
            "owner_error",
            "data",
        ),
        json=frozenset({"data"}),
    ),
}

_NEEDS = {
    "session": frozenset(
        {
            "id",
            "parent_id",
            "directory",
            "title",
            "version",
            "time_created",
            "time_updated",
        }
    ),
    "message": frozenset({"id", "session_id", "time_created", "time_updated", "data"}),
    "part": frozenset(
        {"id", "message_id", "session_id", "time_created", "time_updated", "data"}
    ),
}

WITHOUT_EVENTS = DatabaseQueries(
    needs=_NEEDS,
    streams=f"select id, {_NEWEST} from session order by id",  # noqa: S608 - the names above
    mark="select 'times' where :stream is not null and :sequence is not null",
    changes=f"{_BY_TIME.format(newest=_NEWEST)} order by 1 limit :limit",
    rows=_ROWS,
    tables=_TABLES,
)
"""Of versions before March 2026."""

# Ids of sessions begin with their time, counted down: the newest is the first.
QUERIES = DatabaseQueries(
    needs={
        **_NEEDS,
        "event_sequence": frozenset({"aggregate_id", "seq"}),
        "event": frozenset({"id", "aggregate_id", "seq", "type", "data"}),
    },
    streams=f"""
      select id, coalesce(
        (select seq from event_sequence where aggregate_id = session.id), {_SETTLED})
      from session order by id""",  # noqa: S608 - the names above
    mark=f"""
      select id from event where aggregate_id = :stream and seq = :sequence
      union all
      select 'times' where not {_HAS_EVENTS.format(session=":stream")}""",  # noqa: S608 - the names above
    changes=f"""
      select * from ({_BY_EVENT})
      union all
      select * from ({_BY_TIME.format(newest=_SETTLED)})
      where not {_HAS_EVENTS.format(session=":stream")}
      order by 1 limit :limit""",  # noqa: S608 - the names above
    rows=_ROWS,
    tables=_TABLES,
    older=WITHOUT_EVENTS,
)
