"""What is asked: the sessions whose processes somebody wants to know."""

import msgspec

from jarvisd.model.block import SessionId


class Wanted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session that is not over, by all that is known, and was heard of lately.

    Attributes:
        agent: Whose it is.
        session_id: The session; that of a subagent has its parent's process, and need
            not be asked for.
        cwd: Its working folder.
        paths: Its transcripts.
        last_ms: The time of its newest line, Unix ms.

    """

    agent: str
    session_id: SessionId
    cwd: str | None = None
    paths: tuple[str, ...] = ()
    last_ms: int | None = None
