"""What an agent tells its status line: figures that no transcript has."""

import msgspec

from jarvisd.core.event import LimitsReported
from jarvisd.core.origin import SessionId


class StatusLineRead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One input of a status line; what the agent does not tell is None.

    Attributes:
        agent: Whose status line.
        session_id: The session that it is shown in.
        at_ms: When it came, Unix ms.
        model: The model's id, as in the transcript.
        model_name: The model's name for people.
        version: The version of the agent.
        cwd: The working folder.
        transcript_path: The session's transcript.
        context_tokens: What the latest message takes of the window.
        window_tokens: The model's window.
        context_percent: How full the window is, 0 to 100 or a little more, as the
            agent has it.
        cost_micros: What the session has cost by the agent's own count, in
            micro-dollars; over all processes that resumed it.
        limits: What is left of the account's limits, as of *at_ms*.

    """

    agent: str
    session_id: SessionId
    at_ms: int
    model: str | None = None
    model_name: str | None = None
    version: str | None = None
    cwd: str | None = None
    transcript_path: str | None = None
    context_tokens: int | None = None
    window_tokens: int | None = None
    context_percent: float | None = None
    cost_micros: int | None = None
    limits: LimitsReported | None = None
