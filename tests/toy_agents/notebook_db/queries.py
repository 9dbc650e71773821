"""What to ask the database of Notebook DB.

session(id, folder, title, updated)     title changes in place, without an entry
entry(id, session, seq, message)        one for each change of a session's messages
message(id, session, created, updated, data)    data: JSON, changes in place
"""

from jarvisd.core.sources.sqlite.database_queries import DatabaseQueries, RowQuery

QUERIES = DatabaseQueries(
    needs={
        "session": frozenset({"id", "folder", "title", "updated"}),
        "entry": frozenset({"id", "session", "seq", "message"}),
        "message": frozenset({"id", "session", "created", "updated", "data"}),
    },
    streams="select session, max(seq) from entry group by session order by max(rowid) desc",
    mark="select id from entry where session = :stream and seq = :sequence",
    changes="""
      select seq, 'message', message from entry
      where session = :stream and seq > :after order by seq limit :limit""",
    rows="""
      select 'message', id, length(data) from message
      where session = :stream order by created, id""",
    tables={
        "session": RowQuery(
            "select id, length(title), id, folder, title, updated from session"
            " where id = :key",
            columns=("id", "folder", "title", "updated"),
        ),
        "message": RowQuery(
            """select message.session, length(data), message.id, created,
                 message.updated,
                 folder, data
               from message join session on session.id = message.session
               where message.id = :key""",
            columns=("id", "created", "updated", "folder", "data"),
            json=frozenset({"data"}),
        ),
    },
    unnumbered="""
      select id, 'session', id, length(title), title from session
      order by rowid desc limit :limit""",
    is_dense=True,
)
