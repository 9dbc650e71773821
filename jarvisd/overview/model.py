"""A session as every frontend sees it."""

import msgspec

from jarvisd.base.usage import Tokens
from jarvisd.core.origin import BlockId, SessionId
from jarvisd.state.model import StateView


class Context(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How full the context window is, by the newest response of the main conversation.

    *window* and *percent* are None while the length of the window is not known.
    """

    tokens: int
    window: int | None
    percent: float | None


class SessionView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session: one flat object but for tokens and context, absent is null.

    All numbers are of this session alone, without the subagents that it started: these
    are sessions of their own, with *parent_session_id*.

    Attributes:
        session_id: The agent's own id.
        agent: Whose it is. Two agents may use one id.
        parent_session_id: The session that started this one as its subagent.
        project: The folder of work, by its short name.
        cwd: The newest working folder.
        title: What the agent or the user calls it.
        model: The model of most responses.
        tokens: By bucket, each token once; *reasoning* is a part of *output*.
        cost_micros: At list prices, of the responses that have one.
        unpriced: How many responses have none.
        context: None before the first response.
        prompts: Prompts that a person gave.
        user_lines: Lines in the user's name, results of tools among them.
        assistant_messages: Messages of the model, each once.
        assistant_lines: The lines that these are written in.
        tool_calls: Calls of plain tools; MCP, subagents and commands are apart.
        tool_errors: Calls, of whatever kind, that failed.
        tool_denials: Calls, of whatever kind, that somebody did not allow.
        distinct_tools: Different tools called.
        skills: Skills loaded.
        compactions: Times that the context was replaced by a summary.
        interrupts: Times that somebody stopped the agent.
        api_errors: Requests that the provider never answered.
        active_s: Seconds of activity: gaps of more than ten minutes are left out.
        wall_s: Seconds from the first line to the last.
        started_ms: The time of the first line, Unix ms.
        last_activity_ms: The time of the newest line, Unix ms.
        last_tool: The newest tool called.
        blocks: The ids of the blocks that it is written in.
        revision: The flush that stored it last, or the next one.
        state: What it is doing, and how we know.
        tokens_estimated: *tokens* are estimates of the agent, not the provider's counts.

    """

    session_id: SessionId
    agent: str
    parent_session_id: SessionId | None
    project: str | None
    cwd: str | None
    title: str | None
    model: str | None
    tokens: Tokens
    cost_micros: int
    unpriced: int
    context: Context | None
    prompts: int
    user_lines: int
    assistant_messages: int
    assistant_lines: int
    tool_calls: int
    tool_errors: int
    tool_denials: int
    mcp_calls: int
    subagents: int
    slash_commands: int
    skills: int
    distinct_tools: int
    compactions: int
    interrupts: int
    api_errors: int
    active_s: int
    wall_s: int
    started_ms: int | None
    last_activity_ms: int | None
    last_tool: str | None
    blocks: list[BlockId]
    revision: int
    state: StateView | None = None
    tokens_estimated: bool = False
