"""The daemon's face: the socket, what it answers, whom it tells, what it renders.

`endpoint` holds the socket, `server` lets clients in, one `connection` each; a line
becomes an answer in `replies` and `handlers`; `subscriptions` tells of changes;
`render` keeps two small files for those who would rather `cat`.

Everything is answered from memory. What must wait for the daemon goes through the
protocol in `api.daemon`, so that nothing here knows how it is built.
"""
