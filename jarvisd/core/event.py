"""Events: what one line says happened; immutable, past tense, without content.

Names, ids and sizes only. The one exception is a title, cut to `MAX_TITLE_CHARS`.
When an event happened is said by the record it comes in.
"""

from enum import IntEnum, StrEnum

import msgspec

from jarvisd.base.usage import STANDARD, Tokens, Variant

MAX_TITLE_CHARS = 200


class Outcome(StrEnum):
    """How a tool call came back."""

    OK = "ok"
    ERROR = "error"
    DENIED = "denied"
    """Somebody, or a rule, did not let it run."""


class ToolKind(StrEnum):
    """What sort of thing a tool call starts."""

    TOOL = "tool"
    SUBAGENT = "subagent"
    MCP = "mcp"


class _Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    pass


class PromptGiven(_Event, frozen=True, kw_only=True, gc=False):
    """A human asked for something. *digest* is a hash of the text, if it was taken."""

    chars: int
    key: str | None = None
    queued: bool = False
    digest: int = 0


class CommandGiven(_Event, frozen=True, kw_only=True, gc=False):
    """A human gave a slash command; *name* is without its slash."""

    name: str


class Instructed(_Event, frozen=True, kw_only=True, gc=False):
    """Words that no human wrote were put before the agent, to act upon.

    *by_hook* says that they are a hook's, which sends the agent on at the end of a turn,
    *by_agent* that another agent wrote them.
    """

    by_hook: bool = False
    by_agent: bool = False


class Cue(StrEnum):
    """What the agent's last words of a turn ask for."""

    QUESTION = "question"
    PLAN = "plan"
    """That a plan be approved."""


class Asked(_Event, frozen=True, kw_only=True, gc=False):
    """The words that end a turn ask something: a guess, but for a plan marked as one."""

    cue: Cue


class MessageWritten(_Event, frozen=True, kw_only=True, gc=False):
    """The agent wrote a line of a message; *stop_reason* None means more will come."""

    message_id: str | None = None
    stop_reason: str | None = None


class ToolCalled(_Event, frozen=True, kw_only=True, gc=False):
    """The agent asked for a tool.

    *response* is the agent's id of the response that asks for it, as in `UsageReported`;
    None if the line does not name it. *server* is that of an MCP tool, *skill* the skill
    that is loaded, *subagent* the type of agent that is started. *digest* is alike for
    inputs that are alike, 0 if it was not taken.
    """

    call_id: str
    tool: str
    response: str | None = None
    kind: ToolKind = ToolKind.TOOL
    server: str | None = None
    skill: str | None = None
    subagent: str | None = None
    digest: int = 0


class ToolReturned(_Event, frozen=True, kw_only=True, gc=False):
    """A tool call came back; *duration_ms* only where the agent itself measured it."""

    call_id: str
    outcome: Outcome = Outcome.OK
    duration_ms: int | None = None


class ApprovalRequested(_Event, frozen=True, kw_only=True, gc=False):
    """A person is asked whether a call may run: the dialog is open from here on.

    *call_id* and *tool* are None where the line names none. Of agents that do not write
    it, but write when a call runs, *after_ms* is how long it may take until they do: the
    dialog is open if there is no `ApprovalAnswered` by then.
    """

    call_id: str | None = None
    tool: str | None = None
    after_ms: int = 0


class ApprovalAnswered(_Event, frozen=True, kw_only=True, gc=False):
    """The dialog is closed, whatever the answer; without *call_id* each of the session.

    The result of the call, the next message and the end of the turn close it as well.
    """

    call_id: str | None = None


class UsageReported(_Event, frozen=True, kw_only=True, gc=False):
    """One copy of what one response cost.

    The same response may be reported often, with growing numbers and in several
    files; the ledger merges the copies. Absent numbers are 0, and so are those which
    are no count: negative, fractional, textual or absurd.

    Attributes:
        response: The agent's id of the response, alike in every copy; None if the
            line has none, and then the line itself is the response.
        model: The model that answered; None if this copy does not say.
        tokens: By bucket; *cache_write_5m* and *_1h* only as far as the copy splits.
        cache_write_flat: The sum that the copy gives for cache writes.
        has_cache: The copy says anything about a cache at all. Copies that do not may
            hold the whole prompt as *tokens.input*.
        has_input: The copy says how long the uncached prompt was.
        variant: How it was served.
        web_searches: Searches done by the provider, billed apart.
        in_context: The prompt occupies the session's context window.
        latency_ms: How long it took, where whoever reports it has measured that.
        stated_micros: What the agent or its provider says that it cost.

    """

    response: str | None = None
    model: str | None = None
    tokens: Tokens
    cache_write_flat: int = 0
    has_cache: bool = True
    has_input: bool = True
    variant: Variant = STANDARD
    web_searches: int = 0
    in_context: bool = True
    latency_ms: float | None = None
    stated_micros: int | None = None


class UsageSuperseded(_Event, frozen=True, kw_only=True, gc=False):
    """What was reported under *key* is void: this stream reports it response by response.

    Programs print what a run used so far, and write a log of the same run besides.
    Whichever is read first, the log counts, and what was printed yields to it.
    """

    key: str


class ContextMeasured(_Event, frozen=True, kw_only=True, gc=False):
    """How many tokens the context holds, and how long the window is; None if unknown.

    Of agents that report it apart from responses, or estimate it after a compaction. Of
    all others the prompt of a response tells it (`UsageReported.in_context`).
    """

    tokens: int | None = None
    window_tokens: int | None = None


class SessionOpened(_Event, frozen=True, kw_only=True, gc=False):
    """The stream states the kind of its session.

    Attributes:
        reviewer: It only judges what another session wants to do.
        headless: Its process ends with its turn.

    """

    reviewer: bool = False
    headless: bool = False


class TurnStarted(_Event, frozen=True, kw_only=True, gc=False):
    """The agent took over, as it announced.

    An agent that announces turns announces all of them, so that no other event of its
    begins or ends one.
    """

    turn_id: str | None = None
    window_tokens: int | None = None


class TurnEnded(_Event, frozen=True, kw_only=True, gc=False):
    """The agent handed back.

    *pending* is how many subagents still work in the background, None if unknown.
    """

    turn_id: str | None = None
    duration_ms: int | None = None
    pending: int | None = None


class Interrupted(_Event, frozen=True, kw_only=True, gc=False):
    """A human or a limit stopped the agent."""

    reason: str


class Compacted(_Event, frozen=True, kw_only=True, gc=False):
    """The context was replaced by a summary.

    *is_summary* marks the summary itself, which follows a boundary where the agent
    writes both; the two are one compaction.
    """

    trigger: str | None = None
    before_tokens: int | None = None
    after_tokens: int | None = None
    is_summary: bool = False


class Trouble(StrEnum):
    """What ended a turn that only a person can set going again, as evidence in words."""

    LOGGED_OUT = "not logged in"
    NO_CREDIT = "no credit left"
    DISABLED = "account disabled"
    BILLING = "billing error"
    API_ERROR = "API error"


class ApiFailed(_Event, frozen=True, kw_only=True, gc=False):
    """The provider did not answer; *retrying* says that the agent goes on trying.

    *trouble* is what a person has to see to; None where a program is told of it.
    """

    error: str | None = None
    trouble: Trouble | None = None
    status: int | None = None
    attempt: int | None = None
    retrying: bool = False


class LimitSource(StrEnum):
    """Where the word on a limit is from."""

    TRANSCRIPT = "transcript"
    STATUS_LINE = "status_line"


class ClosingWritten(_Event, frozen=True, kw_only=True, gc=False):
    """The agent wrote what it writes before it ends in order."""


class SessionClosed(_Event, frozen=True, kw_only=True, gc=False):
    """The agent wrote that the session is over; it may be opened again later."""


class LimitWindow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One window of a limit: how much is used, how long it is, when it starts anew."""

    used_percent: float
    minutes: int | None = None
    resets_at_ms: int | None = None
    source: LimitSource = LimitSource.TRANSCRIPT


class LimitsReported(_Event, frozen=True, kw_only=True, gc=False):
    """What the provider says is left; *limit* is None or "codex" for the account."""

    limit: str | None = None
    plan: str | None = None
    windows: tuple[LimitWindow, ...] = ()


class LimitReached(_Event, frozen=True, kw_only=True, gc=False):
    """Nothing more until *resets_at_ms*, if that is known."""

    resets_at_ms: int | None = None


class TitleRank(IntEnum):
    """Where a title is from; the greater beats the lesser, whichever is newer."""

    SUMMARY = 1
    AI = 2
    CUSTOM = 3


class TitleGiven(_Event, frozen=True, kw_only=True, gc=False):
    """The session got a title, cut to `MAX_TITLE_CHARS`."""

    title: str
    rank: TitleRank


class ModeChanged(_Event, frozen=True, kw_only=True, gc=False):
    """The agent asks for leave from here on as *mode* says, in its own word.

    *reviewed* says that a program answers, and no person.
    """

    mode: str
    reviewed: bool = False


class TaskKind(StrEnum):
    """What goes on in the background."""

    COMMAND = "command"
    AGENT = "agent"
    WORKFLOW = "workflow"
    """Several agents."""


class TaskStarted(_Event, frozen=True, kw_only=True, gc=False):
    """A process or subagent goes on in the background."""

    task_id: str
    kind: TaskKind = TaskKind.COMMAND


class TaskEnded(_Event, frozen=True, kw_only=True, gc=False):
    """A background task came to its end, in the agent's own word for how."""

    task_id: str
    status: str


Event = (
    PromptGiven
    | CommandGiven
    | Instructed
    | Asked
    | MessageWritten
    | ToolCalled
    | ToolReturned
    | ApprovalRequested
    | ApprovalAnswered
    | UsageReported
    | UsageSuperseded
    | ContextMeasured
    | SessionOpened
    | TurnStarted
    | TurnEnded
    | Interrupted
    | Compacted
    | ApiFailed
    | LimitsReported
    | LimitReached
    | ClosingWritten
    | SessionClosed
    | TitleGiven
    | ModeChanged
    | TaskStarted
    | TaskEnded
)
