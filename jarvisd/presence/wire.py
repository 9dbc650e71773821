"""Params and results of the methods for hooks and status lines of agents.

A payload is the JSON that the agent passed to its hook, unchanged. A client may omit
fields that `base/hook_fields.py` does not list; they are ignored if they are sent.
"""

from typing import Annotated

import msgspec

from jarvisd.base.wire_types import AgentName, Params, Result, Whole

Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Hook(Params, frozen=True, kw_only=True):
    """Report that an agent ran one of its hooks.

    *payload* is the JSON object that the agent wrote to the hook; *pid* the process of
    the agent, if it is known.
    """

    agent: AgentName
    payload: msgspec.Raw
    pid: Pid | None = None


class StatusLine(Params, frozen=True, kw_only=True):
    """Report the input of an agent's status line, and return what else to show there.

    Without *agent*, it is the first known agent that can read the payload.
    """

    payload: msgspec.Raw
    agent: AgentName | None = None
    pid: Pid | None = None


class StatusLineResult(Result, frozen=True, kw_only=True):
    """The sessions that need attention, in a few words safe to print; may be empty.

    *cost_micros* is the cost of the session and its subagents at list prices. It is
    None during the initial import, for an unknown session, or if a response has no
    price.
    """

    text: str
    cost_micros: Whole | None = None


class HookReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The hooks of one agent that have arrived since the daemon was started.

    *count* is the number of understood hooks, *refused* that of the others; *last_event*
    is the agent's own name of the last one, *last_ms* its time, Unix ms. *unread_roots*
    are folders with transcripts that hooks named and that are not read, because they
    are missing in `agents.NAME.roots`.
    """

    agent: AgentName
    count: Whole
    refused: Whole
    last_event: str | None
    last_ms: int | None
    unread_roots: list[str] = []
