"""What to ask the database of an agent of OpenClaw.

session_windows(session_id, session_key, parent_session_key, spawned_by, display_name)
session_nodes(session_key, current_session_id, label, display_name, updated_at)
transcript_events(session_id, seq, created_at, event_json, event_zstd, event_utf8_bytes)
transcript_rewrite_watermarks(session_id, generation)   another one after a rewrite

An event is an entry of a session tree: JSON, or compressed where it is long. Its
characters are then counted as bytes, which is all that is written beside it. Events
are numbered from 0 for each session, and only a rewrite changes one.
"""

from collections.abc import Sequence
from functools import partial

import msgspec

from jarvisd.core.sources.sqlite.database_queries import (
    DatabaseQueries,
    RowQuery,
    SqliteValue,
)
from jarvisd.core.sources.zstd import decompress_value

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""As the database itself limits them."""


def event_body(values: Sequence[SqliteValue]) -> bytes:
    """Return the text of an event: *values* are its JSON, and the same compressed."""
    text, compressed = values
    if isinstance(text, str):
        return text.encode()

    assert isinstance(compressed, bytes), "an event has one of its two forms"
    return decompress_value(compressed, MAX_EVENT_BYTES)


def _node_body(kind: str, values: Sequence[SqliteValue]) -> bytes:
    names = ("name", "title", "startedBy", "updatedAt")
    named = {
        name: value
        for name, value in zip(names, values, strict=True)
        if value is not None
    }
    return msgspec.json.encode({"type": kind, **named})


# Whoever started a session is known by a key, behind which sessions follow each other.
_PARENT = """(
  select current_session_id from session_nodes as parent where parent.session_key =
    coalesce(node.spawned_by, node.parent_session_key, windows.spawned_by,
      windows.parent_session_key))"""

_NAMES = "node.label, coalesce(node.display_name, windows.display_name)"

QUERIES = DatabaseQueries(
    needs={
        "transcript_events": frozenset(
            {
                "session_id",
                "seq",
                "created_at",
                "event_json",
                "event_zstd",
                "event_utf8_bytes",
            }
        ),
        "transcript_rewrite_watermarks": frozenset({"session_id", "generation"}),
        "session_windows": frozenset(
            {"session_id", "session_key", "parent_session_key", "spawned_by"}
        ),
        "session_nodes": frozenset(
            {"session_key", "current_session_id", "label", "display_name"}
        ),
    },
    streams="""
      select session_id, (
        select max(seq) + 1 from transcript_events as event
        where event.session_id = windows.session_id) as newest
      from session_windows as windows where newest is not null
      order by updated_at desc, session_id""",
    mark="""
      select created_at || coalesce(generation, '') from transcript_events
      left join transcript_rewrite_watermarks using (session_id)
      where session_id = :stream and seq = :sequence - 1""",
    changes="""
      select seq + 1, 'transcript_events', json_array(session_id, seq)
      from transcript_events where session_id = :stream and seq >= :after
      order by seq limit :limit""",
    rows="""
      select 'transcript_events', json_array(session_id, seq),
        coalesce(length(event_json), event_utf8_bytes)
      from transcript_events where session_id = :stream order by seq""",
    tables={
        "transcript_events": RowQuery(
            "select session_id, coalesce(length(event_json), event_utf8_bytes),"
            " event_json, event_zstd from transcript_events"
            " where session_id = json_extract(:key, '$[0]')"
            " and seq = json_extract(:key, '$[1]')",
            columns=("event_json", "event_zstd"),
            encode=event_body,
        ),
        "session_windows": RowQuery(
            f"""select windows.session_id, 0, {_NAMES}, {_PARENT}, node.updated_at
              from session_windows as windows
              join session_nodes as node using (session_key)
              where windows.session_id = :key""",  # noqa: S608 - the names above
            columns=("label", "display_name", "parent", "updated"),
            encode=partial(_node_body, "session_info"),
        ),
    },
    unnumbered=f"""
      select windows.session_id, 'session_windows', windows.session_id, 0,
        json_array({_NAMES}, {_PARENT})
      from session_windows as windows
      join session_nodes as node using (session_key)
      order by windows.updated_at desc limit :limit""",  # noqa: S608 - the names above
)
