"""Rungs of the ladder: whose turn it is, and what the agent is at."""

from msgspec.structs import replace

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.core.event import Cue, Trouble
from jarvisd.core.traits import Moment
from jarvisd.state.endings import GIVEN_UP_MS
from jarvisd.state.facts import Phase
from jarvisd.state.model import Tier
from jarvisd.state.situation import Situation, StateVerdict
from jarvisd.state.whose_turn import Turn

LIMIT_CEILING_MS = 5 * 3_600_000
"""The shortest window of a limit: how long one is believed that does not say when it
ends."""

STALLED_MS = 10 * 60_000
"""Silence without a tool at work."""

STALLED_CALL_MS = 30 * 60_000
"""Silence with a tool at work, where no process is known that could be at it."""


def limited(situation: Situation) -> StateVerdict | None:
    """Return that a limit of the provider is reached."""
    facts, hook = situation.facts, situation.failure()
    if facts.limited_ms is not None and facts.phase is not Phase.WORKING:
        since_ms, evidence, tier = facts.limited_ms, "limit reached", Tier.TRANSCRIPT
    elif hook is not None and hook.detail == situation.traits.hooks.limit:
        since_ms, evidence, tier = hook.at_ms, f"{hook.event} {hook.detail}", Tier.HOOK
    else:
        return None

    until_ms = facts.until_ms or facts.full_ms
    ends_ms = until_ms or since_ms + LIMIT_CEILING_MS
    if situation.now_ms >= ends_ms:
        return None

    return StateVerdict(
        state=State.LIMITED,
        since_ms=since_ms,
        evidence=evidence,
        evidence_ms=since_ms,
        tier=tier,
        until_ms=until_ms,
        recheck_ms=ends_ms,
    )


def failed(situation: Situation) -> StateVerdict | None:
    """Record that an error ended the turn and that a person is needed."""
    turn, hook = situation.turn(), situation.failure()
    if (
        turn.phase is not Phase.DONE
        or situation.above is not None
        or situation.is_headless
    ):
        return None

    if (
        situation.facts.failed
        and situation.renewed_ms is None
        and not _is_reopened(situation, turn)
    ):
        tier, evidence, at_ms = (
            Tier.TRANSCRIPT,
            situation.facts.failed,
            situation.facts.active_ms,
        )
    elif hook is not None and hook.detail != situation.traits.hooks.limit:
        troubles = situation.traits.hooks.troubles
        trouble = troubles.get(hook.detail or "", Trouble.API_ERROR)
        tier, evidence, at_ms = Tier.HOOK, trouble.value, hook.at_ms
    else:
        return None

    return StateVerdict(
        state=State.WAITING_ANSWER,
        since_ms=turn.since_ms,
        evidence=evidence,
        evidence_ms=at_ms,
        tier=tier,
        recheck_ms=_until_given_up(situation, turn),
    )


def _is_reopened(situation: Situation, turn: Turn) -> bool:
    """Return True if a hook reports that the session was opened again since."""
    hook = situation.signals.turn
    if turn.tier is not Tier.HOOK or hook is None:
        return False

    return situation.signals.moment_of(hook) is Moment.SESSION_STARTED


def done(situation: Situation) -> StateVerdict | None:
    """Return the state after the end of a turn."""
    turn = situation.turn()
    if turn.phase is not Phase.DONE:
        return None

    if situation.working or situation.background:
        return _in_background(situation, turn)

    verdict = StateVerdict(
        state=State.IDLE,
        since_ms=turn.since_ms,
        activity=Activity.BACKGROUND if turn.shell or situation.has_shells else None,
        evidence=turn.word,
        evidence_ms=turn.at_ms,
        tier=turn.tier,
        settled=turn.settled,
        recheck_ms=_until_given_up(situation, turn),
    )
    if situation.above is not None and situation.traits.subagents_end_with_turn:
        return replace(verdict, state=State.ENDED)  # nobody can prompt a subagent

    if situation.is_headless:
        return replace(verdict, state=State.ENDED)

    if situation.root_over is not None:
        return _ended_with_root(verdict, situation.root_over)

    # The last words of a subagent are for the session that started it.
    return _asking(situation, verdict) if situation.above is None else verdict


def _ended_with_root(idle: StateVerdict, root: StateVerdict) -> StateVerdict:
    """Return that a subagent is over with the session that started it."""
    since = [each.since_ms for each in (idle, root) if each.since_ms is not None]
    return replace(
        idle,
        state=State.ENDED,
        since_ms=max(since, default=None),
        evidence="the session that started it is over",
        evidence_ms=root.evidence_ms,
        tier=root.tier,
        confidence=root.confidence,
        recheck_ms=None,
    )


def _asking(situation: Situation, idle: StateVerdict) -> StateVerdict:
    """Return *idle*, or that its last words ask something."""
    match situation.facts.cue:
        case Cue.PLAN:
            return replace(
                idle,
                state=State.WAITING_ANSWER,
                evidence="plan proposed",
                tier=Tier.TRANSCRIPT,
            )
        case Cue.QUESTION:
            return replace(
                idle,
                state=State.WAITING_ANSWER,
                evidence="the last words ask something",
                tier=Tier.TRANSCRIPT,
                confidence=Confidence.LOW,
            )
        case _:
            return idle


def _in_background(situation: Situation, turn: Turn) -> StateVerdict:
    number = situation.working or situation.background
    return _unless_silent(
        situation,
        turn,
        StateVerdict(
            state=State.WORKING,
            since_ms=turn.since_ms,
            activity=Activity.BACKGROUND,
            evidence=f"{number} in the background",
            evidence_ms=turn.at_ms,
            tier=turn.tier,
        ),
        has_tool=True,
    )


def working(situation: Situation) -> StateVerdict | None:
    """Return that it is working, or that it has stalled."""
    turn = situation.turn()
    if turn.phase is not Phase.WORKING:
        return None

    calls = situation.at_work()
    hook = situation.signals.turn
    tool = list(calls.values())[-1].tool if calls else None
    if tool is None and turn.tier is Tier.HOOK and hook:
        tool = (
            hook.tool if situation.signals.moment_of(hook) is Moment.CALLING else None
        )

    doing = Activity.TOOL if tool else situation.facts.doing or Activity.THINKING
    if doing is Activity.TOOL and tool is None:
        doing = Activity.THINKING

    verdict = StateVerdict(
        state=State.WORKING,
        since_ms=turn.since_ms,
        activity=doing,
        tool=tool,
        evidence=f"{tool} is open" if calls else turn.word,
        evidence_ms=turn.at_ms,
        tier=turn.tier,
        confidence=_sureness(situation, turn, tool),
        hint=situation.hint if tool and situation.asks else None,
    )
    return _unless_silent(
        situation, turn, verdict, has_tool=bool(tool or situation.working)
    )


def _sureness(situation: Situation, turn: Turn, tool: str | None) -> Confidence:
    """Return medium for a tool that may be a dialog and is seen in the transcript alone."""
    is_seen = situation.sees_dialogs or turn.tier is not Tier.TRANSCRIPT
    unsure = tool and situation.asks and not is_seen
    return Confidence.MEDIUM if unsure else Confidence.HIGH


def _unless_silent(
    situation: Situation, turn: Turn, at_work: StateVerdict, *, has_tool: bool
) -> StateVerdict:
    """Return *at_work*, or that it stalled: it is silent where it should not be."""
    if turn.tier is Tier.REGISTRY or (has_tool and situation.is_alive):
        return at_work

    ceiling_ms = STALLED_CALL_MS if has_tool else STALLED_MS
    left_ms = ceiling_ms - situation.silent_ms(turn)
    if left_ms > 0:
        return replace(at_work, recheck_ms=situation.now_ms + left_ms)

    return StateVerdict(
        state=State.STALLED,
        since_ms=situation.now_ms + left_ms,
        tool=at_work.tool,
        evidence=f"silent for {ceiling_ms // 60_000} min or more in a turn",
        evidence_ms=turn.at_ms,
        tier=turn.tier,
        confidence=Confidence.MEDIUM if situation.is_alive else Confidence.LOW,
        hint=situation.hint,
        recheck_ms=_until_given_up(situation, turn),
    )


def _until_given_up(situation: Situation, turn: Turn) -> int | None:
    if situation.is_alive:
        return None

    return situation.now_ms - situation.silent_ms(turn) + GIVEN_UP_MS


def fresh(situation: Situation) -> StateVerdict | None:
    """Return the verdict on a session of which only a process is known.

    It waits for its first prompt. A subagent, and a process that ends with its turn, have
    got theirs with their start.
    """
    if situation.working:
        return _in_background(situation, situation.turn())

    if not situation.is_alive:
        return None

    if situation.above is not None or situation.is_headless:
        return StateVerdict(
            state=State.WORKING,
            activity=Activity.THINKING,
            evidence="a process with its prompt, and no output so far",
            tier=Tier.PROCESS,
            confidence=Confidence.MEDIUM,
        )

    process = situation.process.process
    return StateVerdict(
        state=State.IDLE,
        since_ms=None if process is None else process.since_ms,
        evidence="a process, and no prompt so far",
        tier=Tier.PROCESS,
        confidence=Confidence.MEDIUM,
    )


def verdict_of_nothing(situation: Situation) -> StateVerdict:
    """Return the verdict on a session of which nothing is known."""
    return StateVerdict(
        state=State.UNKNOWN,
        evidence="nothing was said so far",
        tier=Tier.NONE,
        confidence=Confidence.LOW,
        hint=situation.hint,
    )
