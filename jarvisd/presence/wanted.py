"""What the search for processes is told of a session."""

import msgspec

from jarvisd.core.origin import SessionId


class WantedSession(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A recent session that, as far as is known, has not ended.

    Attributes:
        agent: The name of its agent.
        session_id: The session; never a subagent's, which runs in its parent's process.
        cwd: Its working folder.
        paths: Its transcripts.
        last_ms: The time of its newest line, Unix ms.

    """

    agent: str
    session_id: SessionId
    cwd: str | None = None
    paths: tuple[str, ...] = ()
    last_ms: int | None = None
