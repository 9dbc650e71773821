"""What was heard of a session from outside its transcript, as far as it still holds."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jarvisd.accumulators.facts import Phase
from jarvisd.accumulators.states.constants import (
    QUESTIONS,
    RESUMED_MS,
    STARTED_BY_PROMPT,
)
from jarvisd.model.evidence import (
    CommandSeen,
    HookCalled,
    OutputClosed,
    ProcessesChecked,
    ProcessFound,
    ProcessGone,
    RegistryRead,
    Signal,
    ToolRuns,
)
from jarvisd.model.state import Transition

MAX_CALLS = 64
"""Of one turn, that are not done."""


@dataclass(slots=True)
class Held:
    """The newest signals of each sort.

    Attributes:
        registry: What the agent's registry says of its living process.
        process: A living process; *gone*: that it ended. One of them at most.
        ask: A hook that told of a dialog which was not answered since; *answer* is the
            newest one that could answer one, for hooks may overtake each other.
        turn: The newest hook that says whose turn it is.
        failure: The hook that told that an error ended the turn, until the next one.
        over: The hook that said goodbye.
        closed_ms: When the output that it prints was closed.
        compacting_ms: When a compaction began that has not ended.
        mode: How leave is asked for, as hooks say.
        command: What the process began to run while a dialog was open.
        hooked: Hooks are installed: one was heard.
        cwd: The working folder, as hooks or the registry named it last.
        is_live: Something of it was heard as it happened, and not read later.
        was_seen: A process of it was seen.
        calls: The tools of calls that hooks told of and that are not done, by call.
        asked_call: The call that *ask* is about, where it can be but one.
        ran_ms: When a process of a call was seen first, by call.
        checked: What the check of all processes found; None before that, and since a
            process was found.
        recalled: The end that an earlier run has told of; its witnesses are not stored.

    """

    registry: RegistryRead | None = None
    process: ProcessFound | None = None
    gone: ProcessGone | None = None
    ask: HookCalled | None = None
    answer: HookCalled | None = None
    turn: HookCalled | None = None
    failure: HookCalled | None = None
    over: HookCalled | None = None
    closed_ms: int | None = None
    compacting_ms: int | None = None
    mode: str | None = None
    command: CommandSeen | None = None
    hooked: bool = False
    cwd: str | None = None
    is_live: bool = False
    checked: ProcessesChecked | None = None
    was_seen: bool = False
    recalled: Transition | None = None
    calls: dict[str, str | None] = field(default_factory=dict)
    asked_call: str | None = None
    ran_ms: dict[str | None, int] = field(default_factory=dict)

    def hear(self, signal: Signal) -> None:
        """Take in one more; what is older than the same sort of thing is no news."""
        if isinstance(signal, ProcessesChecked):
            self.checked = signal
            return

        if isinstance(signal, CommandSeen):
            self.command = signal
            return

        self.recalled = None
        match signal:
            case HookCalled():
                self._hook(signal)
            case RegistryRead():
                self._registry(signal)
            case ProcessFound():
                self.process = signal
                self.gone = self.checked = None
                self.was_seen = True
            case ProcessGone():
                self._gone(signal)
            case OutputClosed():
                self.closed_ms = signal.at_ms
            case ToolRuns():
                self.ran_ms.setdefault(signal.call_id, signal.at_ms)

    @property
    def pid(self) -> int | None:
        """Return the process of the agent, as long as it lives."""
        if self.registry is not None:
            return self.registry.pid

        return None if self.process is None else self.process.pid

    @property
    def phase(self) -> Phase:
        """Return whose turn it is, by hooks."""
        return Phase.NONE if self.turn is None else phase_of(self.turn)

    def _registry(self, signal: RegistryRead) -> None:
        self.registry, self.gone = signal, None
        if self.over is not None and signal.at_ms > self.over.at_ms + RESUMED_MS:
            self.over = None  # it goes on: while it leaves, an entry may change again

        self.cwd = signal.cwd or self.cwd
        self.checked, self.was_seen = None, True

    def _gone(self, signal: ProcessGone) -> None:
        process, registry = self.process, self.registry
        if registry is not None and registry.pid == signal.pid:
            self.registry = None

        if process is not None and process.pid != signal.pid:
            return  # an older one: the session goes on in another

        self.process = None
        if process is None or process.is_sure:
            self.gone = signal
            self.ask = self.compacting_ms = None

    def _hook(self, hook: HookCalled) -> None:
        self.hooked = self.is_live = True
        self.mode = hook.mode or self.mode
        self.cwd = hook.cwd or self.cwd
        if phase_of(hook) is not Phase.NONE and _is_newer(hook, self.turn):
            self.turn = hook
            if not is_idle_notice(hook):
                self.failure = hook if hook.event == STOP_FAILURE else None

        handler = _HOOKS.get(hook.event)
        if handler is not None:
            handler(self, hook)


def phase_of(hook: HookCalled) -> Phase:
    """Return whose turn it is right behind *hook*; NONE if it does not say."""
    if hook.event in _WORK:
        return Phase.DONE if hook.detail == "interrupt" else Phase.WORKING

    if hook.event == "SessionStart" and hook.agent in STARTED_BY_PROMPT:
        return Phase.NONE

    if hook.event in _REST and hook.detail != "compact":
        return Phase.DONE

    return Phase.DONE if is_idle_notice(hook) else Phase.NONE


def is_idle_notice(hook: HookCalled) -> bool:
    """Return True if *hook* only repeats, a minute later, that a prompt is awaited."""
    return hook.event == "Notification" and hook.detail == _IDLE


def is_question(agent: str, tool: str | None) -> bool:
    """Say whether *tool* waits for a person's words, and not for leave."""
    return tool is not None and tool.lower() in QUESTIONS.get(agent, ())


def _is_newer(hook: HookCalled, than: HookCalled | None) -> bool:
    return than is None or hook.at_ms >= than.at_ms


def _is_about(hook: HookCalled, ask: HookCalled) -> bool:
    if hook.call_id and ask.call_id:
        return hook.call_id == ask.call_id

    return not (hook.tool and ask.tool) or hook.tool == ask.tool


# What single hooks mean, beside whose turn it is


def _started(held: Held, hook: HookCalled) -> None:
    held.over = None
    if hook.detail != "compact":
        held.ask = held.compacting_ms = None


def _freed(held: Held, hook: HookCalled) -> None:
    held.answer, held.ask, held.compacting_ms = hook, None, None
    held.calls.clear()
    held.ran_ms.clear()


def _calling(held: Held, hook: HookCalled) -> None:
    if hook.call_id is not None and len(held.calls) < MAX_CALLS:
        held.calls[hook.call_id] = hook.tool

    if is_question(hook.agent, hook.tool):
        _asking(held, hook)


def _asking(held: Held, hook: HookCalled) -> None:
    answer = held.answer
    if answer is None or answer.at_ms < hook.at_ms or not _is_about(answer, hook):
        held.ask, held.asked_call = hook, hook.call_id or _only_call(held, hook.tool)


def _only_call(held: Held, tool: str | None) -> str | None:
    """Return the call of *tool* that is not done, if there is but one."""
    found = [call for call, each in held.calls.items() if each == tool]
    return found[0] if len(found) == 1 else None


def _notified(held: Held, hook: HookCalled) -> None:
    if hook.detail in _DIALOGS and held.ask is None:
        _asking(held, hook)


def _answered(held: Held, hook: HookCalled) -> None:
    held.answer = hook
    held.calls.pop(hook.call_id or "", None)
    if held.ask is not None and _is_about(hook, held.ask):
        held.ask = None


def _compacting(held: Held, hook: HookCalled) -> None:
    held.compacting_ms = hook.at_ms


def _compacted(held: Held, _: HookCalled) -> None:
    held.compacting_ms = None


def _ended(held: Held, hook: HookCalled) -> None:
    held.over, held.ask, held.compacting_ms = hook, None, None


_WORK = frozenset(
    {
        "SubagentStart",
        "UserPromptSubmit",
        "PreToolUse",
        "PermissionDenied",
        "PostToolUse",
        "PostToolUseFailure",
    }
)
_REST = frozenset({"SessionStart", "Stop", "StopFailure", "SubagentStop"})
STOP_FAILURE = "StopFailure"
_IDLE = "idle_prompt"
_DIALOGS = frozenset({"permission_prompt", "elicitation_dialog"})

_HOOKS: dict[str, Callable[[Held, HookCalled], None]] = {
    "SessionStart": _started,
    "UserPromptSubmit": _freed,
    "Stop": _freed,
    "StopFailure": _freed,
    "SubagentStop": _freed,
    "PreToolUse": _calling,
    "PermissionRequest": _asking,
    "Notification": _notified,
    "PermissionDenied": _answered,
    "PostToolUse": _answered,
    "PostToolUseFailure": _answered,
    "PreCompact": _compacting,
    "PostCompact": _compacted,
    "SessionEnd": _ended,
}
