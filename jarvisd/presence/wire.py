"""What agents tell of themselves while they run: hooks and status lines.

A payload is what the agent gave its hook, as it came. Who sends it may leave out what
is not in `base/hook_fields.py`; what is sent all the same is not looked at.
"""

from typing import Annotated

import msgspec

from jarvisd.base.wire_types import AgentName, Params, Result, Whole

Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Hook(Params, frozen=True, kw_only=True):
    """Tell that an agent ran one of its hooks.

    *payload* is the JSON object that the agent wrote to the hook; *pid* the process
    of the agent, where that can be told.
    """

    agent: AgentName
    payload: msgspec.Raw
    pid: Pid | None = None


class StatusLine(Params, frozen=True, kw_only=True):
    """Tell what an agent wrote to its status line, and ask what else to show there."""

    payload: msgspec.Raw
    agent: AgentName = "claude"
    pid: Pid | None = None


class StatusLineResult(Result, frozen=True, kw_only=True):
    """What needs the person, in a few words that are safe to print; may be empty.

    *cost_micros* is what the session and its subagents cost at list prices; None where
    the daemon cannot say: history is being read, it does not know the session, or a
    response has no price.
    """

    text: str
    cost_micros: Whole | None = None


class HookReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of one agent's hooks since the daemon was started.

    *count* are those that were understood, *refused* the others; *last_event* is the
    agent's own name of the last one, *last_ms* when it came, Unix ms. *unread_roots* are
    folders with transcripts that hooks have named and that are not read: they are missing
    in `agents.NAME.roots`.
    """

    agent: AgentName
    count: Whole
    refused: Whole
    last_event: str | None
    last_ms: int | None
    unread_roots: list[str] = []
