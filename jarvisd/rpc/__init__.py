"""The language of the socket: newline-delimited JSON-RPC 2.0, as pure functions.

`methods` says what may be asked and what is answered, as Structs that validate,
encode and document; `wire` turns bytes into requests and answers into bytes;
`discover` renders the same Structs as an OpenRPC document. Nothing here waits.

docs/protocol.md describes the same for people, with examples that the tests run.
"""

PROTOCOL_VERSION = 1
"""Raised only when an old client could misread an answer; see docs/protocol.md."""
