"""A database like opencode's: sessions, messages, parts, and an event for each change."""

import msgspec

from jarvisd.core.sources.sqlite.database_queries import DatabaseQueries, RowQuery

SCHEMA = """
create table session(
  id text primary key, title text not null);
create table event_sequence(
  aggregate_id text primary key, seq integer not null);
create table event(
  id text primary key,
  aggregate_id text not null references event_sequence on delete cascade,
  seq integer not null, type text not null, data text not null);
create unique index event_aggregate_seq_idx on event(aggregate_id, seq);
create table message(
  id text primary key,
  session_id text not null references session on delete cascade,
  time_created integer not null, data text not null);
create index message_session_idx on message(session_id, time_created, id);
create table part(
  id text primary key,
  message_id text not null references message on delete cascade,
  session_id text not null, time_created integer not null, data text not null);
create index part_message_idx on part(message_id, id);
create index part_session_idx on part(session_id);
create table balance(parts integer not null, size integer not null);
insert into balance values(0, 0);
"""

# Each transaction keeps the balance, so a state that is none shows.
TRIGGERS = (
    """create trigger part_in after insert on part begin
    update balance set parts = parts + 1, size = size + length(new.data); end""",
    """create trigger part_out after delete on part begin
    update balance set parts = parts - 1, size = size - length(old.data); end""",
    """create trigger part_change after update of data on part begin
    update balance set size = size + length(new.data) - length(old.data); end""",
)
BALANCE = """
select (select parts from balance), (select size from balance),
  count(*), coalesce(sum(length(data)), 0) from part"""

NEEDS = {
    "event_sequence": frozenset({"aggregate_id", "seq"}),
    "event": frozenset({"id", "aggregate_id", "seq", "type", "data"}),
    "message": frozenset({"id", "session_id", "time_created", "data"}),
    "part": frozenset({"id", "message_id", "session_id", "time_created", "data"}),
}

QUERIES = DatabaseQueries(
    needs=NEEDS,
    streams="select aggregate_id, seq from event_sequence order by rowid desc",
    mark="select id from event where aggregate_id = :stream and seq = :sequence",
    changes="""
      select seq,
        case when type glob 'message.part.*' then 'part' else 'message' end,
        json_extract(data, '$.id')
      from event where aggregate_id = :stream and seq > :after
      order by seq limit :limit""",
    rows="""
      select 'message', id, length(data), time_created from message
      where session_id = :stream
      union all
      select 'part', id, length(data), time_created from part
      where session_id = :stream
      order by 4, 1, 2""",
    tables={
        "message": RowQuery(
            "select session_id, length(data), id, data from message where id = :key",
            columns=("id", "data"),
            json=frozenset({"data"}),
        ),
        "part": RowQuery(
            "select session_id, length(data), id, message_id, data"
            " from part where id = :key",
            columns=("id", "message_id", "data"),
            json=frozenset({"data"}),
        ),
    },
    is_dense=True,
)

# Titles change in place, and no event tells of it, as agents keep their totals.
WITH_TITLES = msgspec.structs.replace(
    QUERIES,
    needs={**NEEDS, "session": frozenset({"id", "title"})},
    tables={
        **QUERIES.tables,
        "session": RowQuery(
            "select id, length(title), id, title from session where id = :key",
            columns=("id", "data"),
            json=frozenset({"data"}),
        ),
    },
    unnumbered="""
      select id, 'session', id, length(title), title from session
      order by rowid desc limit :limit""",
)
