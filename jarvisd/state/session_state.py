"""The tracked state of one session: its signals, and the verdict reported last.

A verdict is not reported at once where it may be gone in a moment: an end of a turn that
was only concluded, and work behind a wait that nobody answered. To enter a wait and to
end are never delayed.
"""

from dataclasses import dataclass, field

from jarvisd.base.session_words import OVER, WAITS, State
from jarvisd.core.feature import SessionKey
from jarvisd.core.signal import HookCalled
from jarvisd.core.traits import HookWords, Moment
from jarvisd.state.attention_reasons import Burn
from jarvisd.state.endings import AT_REST
from jarvisd.state.facts import StateStream
from jarvisd.state.latest_signals import LatestSignals
from jarvisd.state.model import Attention, StateView, Tier, Transition
from jarvisd.state.situation import OF_CHILD, UNOWNED_MS, Situation, StateVerdict

DWELL_MS = 3_000
"""How long work must last to end a wait, where nothing shows that it was answered."""

SETTLE_MS = 250
"""How long a turn's end must last that was only concluded: more lines may come."""

CLOSING_MS = 1_000
"""How long after the end of a process its last lines may still be on their way."""

HISTORY_MS = 1_000
"""How long after the last line of history a session is judged."""

HISTORY_CEILING_MS = 10_000
"""How long after the first line of history it is judged at the latest."""

CHECK_CEILING_MS = 10_000
"""How long a first verdict on what is long silent waits for a check of processes."""


@dataclass(slots=True)
class SessionState:
    """One session.

    Attributes:
        key: Agent and session; *parent* is that of the session that started it.
        stream: The block with the newest line.
        signals: The signals from outside its transcript.
        reported: The verdict reported last; None before the first judgement.
        before: The state of the last transition, perhaps of an earlier run, and
            *changed_ms* since when; *judged_ms* is when it was last judged.
        doubted: A verdict that is not reported yet, and since when.
        due_ms: When it is to be judged again though nothing happens; *enlisted_ms*: when
            the engine will look at that.
        history_ms: When history of it was read first; *quiet_ms*: until when it is not
            judged, because more of that may come.
        check_by_ms: Until when its first verdict waits for a check of all processes.
        burn: What it costs.

    """

    key: SessionKey
    parent: SessionKey | None = None
    stream: StateStream | None = None
    signals: LatestSignals = field(default_factory=LatestSignals)
    reported: StateVerdict | None = None
    before: State | None = None
    changed_ms: int = 0
    judged_ms: int = 0
    doubted: tuple[State, int] | None = None
    due_ms: int | None = None
    enlisted_ms: int | None = None
    history_ms: int | None = None
    quiet_ms: int = 0
    attention: tuple[Attention, ...] = ()
    check_by_ms: int | None = None
    burn: Burn | None = None

    @property
    def is_asking(self) -> bool:
        """Return True if a hook reported a dialog that may still be open."""
        if self.signals.ask is None or self.reported is None:
            return False

        return self.reported.state in {State.WAITING_APPROVAL, State.WORKING}

    def recall(self, before: Transition) -> None:
        """Restore what an earlier run reported last."""
        self.before, self.changed_ms = before.state, before.at_ms
        if before.state in OVER:
            self.signals.recalled = before
        elif is_hooked_wait(before):
            words, self.signals.hooked = self.signals.traits.hooks, True
            hook = _hook_of(before, words)
            if self.signals.moment_of(hook) is Moment.TURN_FAILED:
                self.signals.turn = self.signals.failure = hook
            else:
                self.signals.ask = hook

    def awaits_check(self, situation: Situation, verdict: StateVerdict) -> bool:
        """Return True if *verdict*, the first, waits until all processes were checked.

        Otherwise each session that was interrupted at work hours ago would need
        somebody for the moment until it is known that nobody is there.
        """
        known = (
            situation.is_alive
            or situation.is_out_of_sight
            or situation.process.checked is not None
        )
        silent_ms = situation.now_ms - situation.last_ms
        if self.reported is not None or known or verdict.state in AT_REST:
            return False

        if silent_ms < UNOWNED_MS:
            return False

        if self.check_by_ms is None:
            self.check_by_ms = situation.now_ms + CHECK_CEILING_MS

        return situation.now_ms < self.check_by_ms

    def settle(
        self, verdict: StateVerdict, now_ms: int, *, answered: bool
    ) -> StateVerdict:
        """Return the verdict to report now, given that *verdict* was reached.

        *answered* says that a dialog which was reported is known to be closed.
        """
        reported = self.reported
        if reported is None:
            return verdict

        if self.doubted is None or self.doubted[0] is not verdict.state:
            self.doubted = (verdict.state, now_ms)

        since_ms = self.doubted[1]
        until_ms = replacement_ms(reported, verdict, since_ms, answered=answered)
        if now_ms >= until_ms:
            self.doubted = None
            return verdict

        self.call_back(until_ms)
        return reported

    def hold_back(self, now_ms: int) -> None:
        """Postpone judging the session until its history is read."""
        if self.history_ms is None:
            self.history_ms = now_ms

        latest_ms = self.history_ms + HISTORY_CEILING_MS
        self.quiet_ms = min(now_ms + HISTORY_MS, latest_ms)
        self.call_back(self.quiet_ms)

    def call_back(self, at_ms: int | None) -> None:
        """Schedule judging the session at *at_ms*, if not earlier."""
        if at_ms is not None and (self.due_ms is None or at_ms < self.due_ms):
            self.due_ms = at_ms

    def view(self) -> StateView:
        """Return the verdict reported last, as clients see it."""
        reported = self.reported
        if reported is None:
            return StateView(state=State.UNKNOWN)

        return StateView(
            state=reported.state,
            since_ms=self._within(reported.since_ms),
            activity=reported.activity,
            tool=reported.tool,
            evidence=reported.evidence,
            evidence_ms=reported.evidence_ms,
            tier=reported.tier,
            confidence=reported.confidence,
            hint=reported.hint,
            until_ms=reported.until_ms,
            pid=self.signals.pid,
            attention=self.attention,
        )

    def change(self, now_ms: int) -> Transition | None:
        """Return the transition to the reported state, if that has changed.

        The first verdict on a session is none if it is over, or unknown.
        """
        reported, before, self.judged_ms = self.reported, self.before, now_ms
        if reported is None or reported.state is before:
            return None

        if before is None and (
            reported.state in OVER or reported.state is State.UNKNOWN
        ):
            return None

        at_ms = self._within(self._begun_ms(reported, now_ms))
        assert at_ms is not None, "a state that is reported has begun"
        self.before, self.changed_ms = reported.state, at_ms
        agent, session_id = self.key
        return Transition(
            agent=agent,
            session_id=session_id,
            at_ms=at_ms,
            before=before,
            state=reported.state,
            activity=reported.activity,
            tool=reported.tool,
            evidence=reported.evidence,
            tier=reported.tier,
            confidence=reported.confidence,
            until_ms=reported.until_ms,
        )

    def _begun_ms(self, reported: StateVerdict, now_ms: int) -> int:
        """Return when *reported*, which follows another state, began.

        A turn is older than a dialog in it: behind one, work began with its evidence.
        """
        if reported.since_ms is None:
            return now_ms

        if reported.since_ms >= self.changed_ms:
            return reported.since_ms

        evidence_ms = reported.evidence_ms or 0
        return evidence_ms if evidence_ms > self.changed_ms else now_ms

    def _within(self, since_ms: int | None) -> int | None:
        """Return when a state began that began at *since_ms*, by its evidence.

        Not before the state before it began, however old the evidence is; nor in the
        future, whatever an agent's clock says.
        """
        if since_ms is None:
            return None

        return max(self.changed_ms, min(since_ms, self.judged_ms))


def is_hooked_wait(transition: Transition) -> bool:
    """Return True if a hook reported the dialog, which stands until it is answered.

    Registries report theirs again, and what a parent needs is its subagent's.
    """
    return (
        transition.state in WAITS
        and transition.tier is Tier.HOOK
        and not transition.evidence.startswith(OF_CHILD)
    )


def _hook_of(transition: Transition, words: HookWords) -> HookCalled:
    """Return the hook that *transition* is from, in the *words* of its agent."""
    failure = words.failures.get(transition.evidence)
    if failure is not None:
        return HookCalled(
            agent=transition.agent,
            session_id=transition.session_id,
            event=words.name_of(Moment.TURN_FAILED),
            at_ms=transition.at_ms,
            detail=failure,
        )

    event, *rest = transition.evidence.split()
    return HookCalled(
        agent=transition.agent,
        session_id=transition.session_id,
        event=event,
        at_ms=transition.at_ms,
        tool=transition.tool,
        detail=next((each for each in rest if each != transition.tool), None),
    )


def replacement_ms(
    reported: StateVerdict, verdict: StateVerdict, since_ms: int, *, answered: bool
) -> int:
    """Return when *verdict*, reached at *since_ms*, takes the place of *reported*."""
    if reported.state in WAITS and verdict.state is State.WORKING:
        is_sure = answered or _is_answered(reported, verdict)
        return since_ms if is_sure else since_ms + DWELL_MS

    if verdict.state is State.CRASHED and reported.state not in WAITS:
        return (verdict.since_ms or since_ms) + CLOSING_MS

    ends = reported.state is State.WORKING and verdict.state in _ENDS
    if ends and not verdict.settled:
        return (verdict.since_ms or since_ms) + SETTLE_MS

    return since_ms


_ENDS = frozenset({State.IDLE, State.ENDED})


def _is_answered(reported: StateVerdict, verdict: StateVerdict) -> bool:
    """Whether work behind a wait is witnessed, and not just the wait unseen."""
    if reported.of_child or verdict.tier in {Tier.REGISTRY, Tier.HOOK}:
        return True

    asked_ms, evidence_ms = reported.since_ms, verdict.evidence_ms
    return asked_ms is not None and evidence_ms is not None and evidence_ms > asked_ms
