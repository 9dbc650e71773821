"""The signals about a session from outside its transcript, as far as they still apply."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jarvisd.core.process import RESUMED_MS
from jarvisd.core.signal import (
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
from jarvisd.core.traits import NO_TRAITS, Moment, Traits
from jarvisd.state.facts import Phase
from jarvisd.state.model import Transition

MAX_CALLS = 64
"""Of one turn, that are not done."""


@dataclass(slots=True)
class LatestSignals:
    """The newest signals of each sort.

    Attributes:
        traits: What is known of the agent.
        registry: What the agent's registry says of its living process.
        process: A living process; *gone*: that it ended. One of them at most.
        ask: A hook that reported a dialog which was not answered since; *answer* is the
            newest one that could answer one, for hooks may overtake each other.
        turn: The newest hook that says whose turn it is.
        failure: The hook that reported that an error ended the turn, until the next one.
        over: The hook that reported the end of the session.
        closed_ms: When the output that it prints was closed.
        compacting: The hook that reported a compaction which has not ended.
        mode: The approval mode, as hooks name it.
        command: What the process began to run while a dialog was open.
        hooked: Hooks are installed: one was received.
        cwd: The working folder, as hooks or the registry named it last.
        is_live: A signal of it came as it happened, and not read later.
        was_seen: A process of it was seen.
        calls: The tools of calls that hooks reported and that are not done, by call.
        asked_call: The call that *ask* is about, where it can be but one.
        ran_ms: When a process of a call was seen first, by call.
        checked: What the check of all processes found; None before that, and since a
            process was found.
        recalled: The end that an earlier run reported; its signals are not stored.

    """

    traits: Traits = NO_TRAITS
    registry: RegistryRead | None = None
    process: ProcessFound | None = None
    gone: ProcessGone | None = None
    ask: HookCalled | None = None
    answer: HookCalled | None = None
    turn: HookCalled | None = None
    failure: HookCalled | None = None
    over: HookCalled | None = None
    closed_ms: int | None = None
    compacting: HookCalled | None = None
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

    def record(self, signal: Signal) -> None:
        """Record *signal* in place of an older one of its sort."""
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
        """Return the side whose turn it is, by hooks."""
        return Phase.NONE if self.turn is None else self.phase_of(self.turn)

    def moment_of(self, hook: HookCalled) -> Moment | None:
        """Return the moment at which *hook* runs; None if it is not known."""
        return self.traits.hooks.moments.get(hook.event)

    def phase_of(self, hook: HookCalled) -> Phase:
        """Return the side whose turn it is after *hook*; NONE if unknown."""
        moment, words = self.moment_of(hook), self.traits.hooks
        if moment in _WORK:
            return Phase.DONE if hook.detail == words.interrupted else Phase.WORKING

        if moment is Moment.SESSION_STARTED and self.traits.starts_with_prompt:
            return Phase.NONE

        if moment in _REST and hook.detail != words.compacted:
            return Phase.DONE

        return Phase.DONE if self.is_idle_notice(hook) else Phase.NONE

    def is_idle_notice(self, hook: HookCalled) -> bool:
        """Return True if *hook* only repeats, a minute later, that a prompt is awaited."""
        is_notice = self.moment_of(hook) is Moment.NOTIFIED
        return is_notice and hook.detail == self.traits.hooks.idle

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
            self.ask = self.compacting = None

    def _hook(self, hook: HookCalled) -> None:
        self.hooked = self.is_live = True
        self.mode = hook.mode or self.mode
        self.cwd = hook.cwd or self.cwd
        moment = self.moment_of(hook)
        if self.phase_of(hook) is not Phase.NONE and _is_newer(hook, self.turn):
            self.turn = hook
            if not self.is_idle_notice(hook):
                self.failure = hook if moment is Moment.TURN_FAILED else None

        handler = None if moment is None else _HOOKS.get(moment)
        if handler is not None:
            handler(self, hook)


def _is_newer(hook: HookCalled, than: HookCalled | None) -> bool:
    return than is None or hook.at_ms >= than.at_ms


def _is_about(hook: HookCalled, ask: HookCalled) -> bool:
    if hook.call_id and ask.call_id:
        return hook.call_id == ask.call_id

    return not (hook.tool and ask.tool) or hook.tool == ask.tool


# What single hooks mean, beside whose turn it is


def _started(signals: LatestSignals, hook: HookCalled) -> None:
    signals.over = None
    if hook.detail != signals.traits.hooks.compacted:
        signals.ask = signals.compacting = None


def _freed(signals: LatestSignals, hook: HookCalled) -> None:
    signals.answer, signals.ask, signals.compacting = hook, None, None
    signals.calls.clear()
    signals.ran_ms.clear()


def _calling(signals: LatestSignals, hook: HookCalled) -> None:
    if hook.call_id is not None and len(signals.calls) < MAX_CALLS:
        signals.calls[hook.call_id] = hook.tool

    if signals.traits.is_question(hook.tool):
        _asking(signals, hook)


def _asking(signals: LatestSignals, hook: HookCalled) -> None:
    answer = signals.answer
    if answer is None or answer.at_ms < hook.at_ms or not _is_about(answer, hook):
        signals.ask, signals.asked_call = (
            hook,
            hook.call_id or _only_call(signals, hook.tool),
        )


def _only_call(signals: LatestSignals, tool: str | None) -> str | None:
    """Return the call of *tool* that is not done, if there is but one."""
    found = [call for call, each in signals.calls.items() if each == tool]
    return found[0] if len(found) == 1 else None


def _notified(signals: LatestSignals, hook: HookCalled) -> None:
    if hook.detail in signals.traits.hooks.dialogs and signals.ask is None:
        _asking(signals, hook)


def _answered(signals: LatestSignals, hook: HookCalled) -> None:
    signals.answer = hook
    signals.calls.pop(hook.call_id or "", None)
    if signals.ask is not None and _is_about(hook, signals.ask):
        signals.ask = None


def _compacting(signals: LatestSignals, hook: HookCalled) -> None:
    signals.compacting = hook


def _compacted(signals: LatestSignals, _: HookCalled) -> None:
    signals.compacting = None


def _ended(signals: LatestSignals, hook: HookCalled) -> None:
    signals.over, signals.ask, signals.compacting = hook, None, None


_WORK = frozenset(
    {
        Moment.SUBAGENT_STARTED,
        Moment.PROMPTED,
        Moment.CALLING,
        Moment.DENIED,
        Moment.CALLED,
        Moment.CALL_FAILED,
    }
)
_REST = frozenset(
    {
        Moment.SESSION_STARTED,
        Moment.TURN_ENDED,
        Moment.TURN_FAILED,
        Moment.SUBAGENT_ENDED,
    }
)

_HOOKS: dict[Moment, Callable[[LatestSignals, HookCalled], None]] = {
    Moment.SESSION_STARTED: _started,
    Moment.PROMPTED: _freed,
    Moment.TURN_ENDED: _freed,
    Moment.TURN_FAILED: _freed,
    Moment.SUBAGENT_ENDED: _freed,
    Moment.CALLING: _calling,
    Moment.ASKING: _asking,
    Moment.NOTIFIED: _notified,
    Moment.DENIED: _answered,
    Moment.CALLED: _answered,
    Moment.CALL_FAILED: _answered,
    Moment.COMPACTING: _compacting,
    Moment.COMPACTED: _compacted,
    Moment.SESSION_ENDED: _ended,
}
