"""The situation of one session at one moment: everything that a verdict may rest on."""

from collections.abc import Mapping

import msgspec

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.core.process import RESUMED_MS
from jarvisd.core.signal import HookCalled
from jarvisd.core.traits import Traits
from jarvisd.ledger.ledger_stream import OpenTool
from jarvisd.state.facts import INTERRUPTED, Phase, StateFacts
from jarvisd.state.latest_signals import LatestSignals
from jarvisd.state.model import Tier
from jarvisd.state.whose_turn import Turn, newest_turn

UNOWNED_MS = 2 * 60_000
"""Silence after which a session is over that no process can be at work on."""

OF_CHILD = "subagent: "
"""How the evidence begins of what a session needs because a subagent does."""

HOOKS_HINT = "install hooks: jarvisctl hooks install"


class StateVerdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the ladder says: a state, what it rests on, and when to look again.

    *settled* False says that the evidence is of a sort that more lines often follow;
    *of_child* that a subagent needs what the session is said to need.
    """

    state: State
    since_ms: int | None = None
    activity: Activity | None = None
    tool: str | None = None
    evidence: str = ""
    evidence_ms: int | None = None
    tier: Tier = Tier.TRANSCRIPT
    confidence: Confidence = Confidence.HIGH
    hint: str | None = None
    until_ms: int | None = None
    recheck_ms: int | None = None
    settled: bool = True
    of_child: bool = False


class Situation(msgspec.Struct, kw_only=True):
    """What is known of one session at *now_ms*.

    *calls* are those of the transcript that have no result. *needs* is the verdict on a
    subagent that waits for a person, *working* how many subagents are at work. *above*
    holds the signals of the session that started this one, *root_over* the verdict on
    that if it is over.
    """

    now_ms: int
    facts: StateFacts = msgspec.field(default_factory=StateFacts)
    calls: Mapping[str, OpenTool] = msgspec.field(default_factory=dict)
    signals: LatestSignals = msgspec.field(default_factory=LatestSignals)
    above: LatestSignals | None = None
    root_over: StateVerdict | None = None
    needs: StateVerdict | None = None
    working: int = 0
    _turn: Turn | None = None
    _open: dict[str, OpenTool] | None = None

    @property
    def traits(self) -> Traits:
        """Return the facts known of the agent."""
        return self.signals.traits

    @property
    def mode(self) -> str | None:
        """Return how leave is asked for, in the agent's own word."""
        return self.signals.mode or self.facts.mode

    @property
    def asks(self) -> bool:
        """Whether a tool may have to wait for a person's leave, as far as known."""
        mode, traits = self.mode, self.traits
        unasked = mode in traits.free_modes or mode in traits.self_answering_modes
        return not unasked and not self.facts.reviewed

    @property
    def process(self) -> LatestSignals:
        """Return the signals about the process: a subagent is in its parent's."""
        return self.signals if self.above is None else self.above

    @property
    def is_alive(self) -> bool:
        """Whether a process is known to live."""
        return self.process.pid is not None or self.signals.pid is not None

    @property
    def is_headless(self) -> bool:
        """Return True if the process has its prompt from the start, and ends with it."""
        found = self.process.process
        return self.facts.headless or (found is not None and found.headless)

    @property
    def hint(self) -> str | None:
        """Return the advice that would make a verdict on a dialog certain, if any would.

        An agent without hooks has none to install.
        """
        has_hooks = bool(self.traits.hooks.moments)
        return HOOKS_HINT if has_hooks and not self.sees_dialogs else None

    @property
    def sees_dialogs(self) -> bool:
        """Whether a hook or the registry would have reported a dialog."""
        registry = self.process.registry
        hooked = self.signals.hooked or self.process.hooked
        return hooked or (registry is not None and registry.status is not None)

    @property
    def renewed_ms(self) -> int | None:
        """Return when a new process took over, since when no line was written.

        What the old one was at has died with it.
        """
        found, active_ms = self.process.process, self.facts.active_ms
        if found is None or not found.is_sure or active_ms is None:
            return None

        began_ms = found.since_ms
        return began_ms if active_ms + RESUMED_MS < began_ms else None

    @property
    def background(self) -> int:
        """Return how many agents are at work in the background, by the records."""
        facts = self.facts
        alive = self._living(facts.agents) or facts.pending
        if self.renewed_ms is not None:
            alive = 0

        return alive + self._living(facts.workflows)

    @property
    def has_shells(self) -> bool:
        """Whether commands go on in the background, by the records."""
        return bool(self._living(self.facts.shells))

    def _living(self, tasks: Mapping[str, int | None]) -> int:
        """Return how many of *tasks* the process that lives has started."""
        found = self.process.process
        since_ms = 0 if found is None or not found.is_sure else found.started_ms
        return sum((at_ms or since_ms) >= since_ms for at_ms in tasks.values())

    def failure(self) -> HookCalled | None:
        """Return the hook that reported the error that ended the last turn.

        None where records show it themselves, or a later turn.
        """
        hook, facts = self.signals.failure, self.facts
        if hook is None or facts.failed or facts.limited_ms is not None:
            return None

        return hook if (facts.turn_ms or 0) <= hook.at_ms else None

    def silent_ms(self, turn: Turn) -> int:
        """Return for how long the session was silent."""
        times = [
            each for each in (self.facts.active_ms, turn.at_ms) if each is not None
        ]
        return self.now_ms - max(times) if times else 0

    @property
    def is_out_of_sight(self) -> bool:
        """Return True if signals of it came live, and its process was never seen.

        It may run in a container that shares the home.
        """
        is_live = self.process.is_live or self.signals.is_live
        return is_live and not self.process.was_seen

    @property
    def abandoned_ms(self) -> int | None:
        """Return from when on it is over, as no process can be at work on it."""
        checked = self.process.checked
        if checked is None or checked.can_own or self.is_alive or self.is_out_of_sight:
            return None

        return self.last_ms + UNOWNED_MS if self.last_ms <= checked.at_ms else None

    @property
    def last_ms(self) -> int:
        """Return when its last sign of life was; 0 for never."""
        asked_ms = 0 if self.signals.ask is None else self.signals.ask.at_ms
        return max(self.facts.active_ms or 0, self.turn().at_ms or 0, asked_ms)

    def questions(self) -> dict[str, OpenTool]:
        """Return the open calls that wait for a person's words."""
        if not self.calls or self.facts.word == INTERRUPTED or self.renewed_ms:
            return {}

        return {
            call_id: each
            for call_id, each in self._of_this_turn().items()
            if self.traits.is_question(each.tool)
        }

    def at_work(self) -> dict[str, OpenTool]:
        """Return the open calls of the turn that goes on."""
        if not self.calls or self.facts.phase is not Phase.WORKING or self.renewed_ms:
            return {}

        return self._of_this_turn()

    def _of_this_turn(self) -> dict[str, OpenTool]:
        """Return the open calls that may come back: those of older turns will not."""
        if self._open is None:  # four rungs ask
            turn_ms = self.facts.turn_ms
            self._open = {
                call_id: each
                for call_id, each in self.calls.items()
                if each.at_ms is None or turn_ms is None or each.at_ms >= turn_ms
            }

        return self._open

    def turn(self) -> Turn:
        """Return the turn that the newest witness shows."""
        if self._turn is None:
            self._turn = newest_turn(
                self.facts,
                self.signals,
                renewed_ms=self.renewed_ms,
                is_headless=self.is_headless,
            )

        return self._turn

    def has_resumed(self, gone_ms: int) -> bool:
        """Whether records are newer than the end of the process."""
        return (self.facts.active_ms or 0) > gone_ms + RESUMED_MS
