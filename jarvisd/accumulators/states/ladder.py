"""The ladder: what a session is doing, the first rule that holds.

A pure function of a `Case`. Each rung is a function that gives a verdict or None, in
the order in which they are asked; docs/states.md has them as a table. The rules rest on
formats and runs of Claude Code 2.0 to 2.1.329 and Codex 0.118 to 0.169.
"""

from collections.abc import Callable
from dataclasses import replace

from jarvisd.accumulators.facts import Phase
from jarvisd.accumulators.lane import OpenTool
from jarvisd.accumulators.states.case import Case, Turn, Verdict
from jarvisd.accumulators.states.constants import (
    COMPACTION_CEILING_MS,
    EDIT_MODES,
    EDITS,
    ESCALATED_MS,
    FREE_MODES,
    GIVEN_UP_MS,
    STALLED_CALL_MS,
    STALLED_EDIT_MS,
    STALLED_MS,
    UNANSWERED_MS,
)
from jarvisd.accumulators.states.held import is_question
from jarvisd.model.events import Cue
from jarvisd.model.evidence import ProcessGone
from jarvisd.model.state import Activity, Confidence, State, Tier


def verdict_on(case: Case) -> Verdict:
    """Return what the session of *case* is doing."""
    for rung in LADDER:
        verdict = rung(case)
        if verdict is not None:
            return verdict

    return verdict_of_nothing(case)


# The end of all


def _over(case: Case) -> Verdict | None:
    gone = case.process.gone or case.held.gone
    if gone is not None and not case.has_resumed(gone.at_ms) and not case.is_alive:
        return _gone(case, gone)

    over = case.process.over
    if over is not None and not case.has_resumed(over.at_ms):
        return Verdict(
            state=State.ENDED,
            since_ms=over.at_ms,
            evidence=" ".join(filter(None, (over.event, over.detail))),
            evidence_ms=over.at_ms,
            tier=Tier.HOOK,
        )

    return None


def _gone(case: Case, gone: ProcessGone) -> Verdict:
    midst = not gone.tidy and (
        case.turn().phase is Phase.WORKING or bool(case.questions())
    )
    return Verdict(
        state=State.CRASHED if midst else State.ENDED,
        since_ms=gone.at_ms,
        evidence=f"process {gone.pid} is gone{' in the midst of work' if midst else ''}",
        evidence_ms=gone.at_ms,
        tier=Tier.PROCESS,
        confidence=Confidence.MEDIUM
        if midst and gone.tidy is None
        else Confidence.HIGH,
    )


# Dialogs that somebody witnessed


def _registry_wait(case: Case) -> Verdict | None:
    registry = case.held.registry
    if registry is None or registry.status != "waiting":
        return None

    if not case.stands(registry.at_ms):
        return None

    asked = next(iter(case.questions().values()), None)
    open_tools = [each.tool for each in case.at_work().values()]
    dialog = registry.waiting_for == "dialog open"
    if dialog and asked is None and case.turn().phase is not Phase.WORKING:
        return None  # a menu that the person opened

    answer = asked is not None or dialog
    return Verdict(
        state=State.WAITING_ANSWER if answer else State.WAITING_APPROVAL,
        since_ms=registry.at_ms,
        tool=asked.tool if asked else (open_tools[-1] if open_tools else None),
        evidence=f"registry: {registry.waiting_for or registry.status}",
        evidence_ms=registry.at_ms,
        tier=Tier.REGISTRY,
    )


def _hook_wait(case: Case) -> Verdict | None:
    ask = case.held.ask
    if ask is None or not case.is_unanswered(ask):
        return None

    answer = is_question(case.agent, ask.tool) or ask.detail == "elicitation_dialog"
    verdict = Verdict(
        state=State.WAITING_ANSWER if answer else State.WAITING_APPROVAL,
        since_ms=ask.at_ms,
        tool=ask.tool,
        evidence=" ".join(filter(None, (ask.event, ask.detail, ask.tool))),
        evidence_ms=ask.at_ms,
        tier=Tier.HOOK,
    )
    if answer or case.asks:
        return verdict

    return _unless_answered(case, verdict, ask.at_ms)


def _unless_answered(case: Case, verdict: Verdict, asked_ms: int) -> Verdict | None:
    """Return *verdict* if the request stood long enough where programs answer.

    Where nobody is ever asked a request is none. A request that is too young is one
    that is looked at again.
    """
    if case.mode in FREE_MODES:
        return None

    if case.now_ms - asked_ms < UNANSWERED_MS:
        working = _working(case) or verdict_of_nothing(case)
        return replace(working, recheck_ms=asked_ms + UNANSWERED_MS)

    return replace(verdict, confidence=Confidence.MEDIUM)


def _subagent_wait(case: Case) -> Verdict | None:
    needs = case.needs
    if needs is None:
        return None

    return replace(needs, evidence=f"subagent: {needs.evidence}", recheck_ms=None)


def _compacting(case: Case) -> Verdict | None:
    began_ms = case.held.compacting_ms
    if began_ms is None or (case.facts.compacted_ms or 0) >= began_ms:
        return None

    until_ms = began_ms + COMPACTION_CEILING_MS
    if case.now_ms >= until_ms:
        return None

    return Verdict(
        state=State.COMPACTING,
        since_ms=began_ms,
        evidence="PreCompact",
        evidence_ms=began_ms,
        tier=Tier.HOOK,
        recheck_ms=until_ms,
    )


# Dialogs that the transcript shows, or lets guess


def _question(case: Case) -> Verdict | None:
    for each in case.questions().values():
        return Verdict(
            state=State.WAITING_ANSWER,
            since_ms=each.at_ms,
            tool=each.tool,
            evidence=f"{each.tool} is open",
            evidence_ms=each.at_ms,
        )

    return None


def _stalled_edit(case: Case) -> Verdict | None:
    edits = EDITS.get(case.agent, frozenset())
    if not case.asks or case.mode in EDIT_MODES:
        return None

    for each in case.at_work().values():
        if each.tool.lower() in edits and each.at_ms is not None:
            return _guess(case, each, STALLED_EDIT_MS, Confidence.LOW)

    return None


def _escalated(case: Case) -> Verdict | None:
    if not case.asks:
        return None

    calls = case.at_work()
    for call_id in case.facts.escalated:
        each = calls.get(call_id)
        if each is not None and each.at_ms is not None:
            return _guess(case, each, ESCALATED_MS, Confidence.MEDIUM)

    return None


def _guess(
    case: Case, call: OpenTool, after_ms: int, confidence: Confidence
) -> Verdict | None:
    """Return that *call* waits for leave, once it has been open for *after_ms*."""
    due_ms = (call.at_ms or 0) + after_ms
    if _knows_better(case):
        return None

    if case.now_ms < due_ms:
        working = _working(case)
        return None if working is None else replace(working, recheck_ms=due_ms)

    return Verdict(
        state=State.WAITING_APPROVAL,
        since_ms=call.at_ms,
        tool=call.tool,
        evidence=f"{call.tool} is open for {after_ms // 1000} s or more",
        evidence_ms=call.at_ms,
        confidence=confidence,
        hint=case.hint,
    )


def _knows_better(case: Case) -> bool:
    """Say whether somebody would have told of a dialog, if there were one."""
    registry = case.held.registry
    return case.held.hooked or (registry is not None and registry.status is not None)


# The turn


def _limited(case: Case) -> Verdict | None:
    facts = case.facts
    if facts.limited_ms is None or facts.phase is Phase.WORKING:
        return None

    until_ms = facts.until_ms or facts.full_ms
    if until_ms is None:
        until_ms = None if facts.full_ms is None else facts.full_ms

    if until_ms is not None and case.now_ms >= until_ms:
        return None

    return Verdict(
        state=State.LIMITED,
        since_ms=facts.limited_ms,
        evidence="limit reached",
        evidence_ms=facts.limited_ms,
        until_ms=until_ms,
        recheck_ms=until_ms,
    )


def _given_up(case: Case) -> Verdict | None:
    """Say that what was silent for half a day, without a process, is over."""
    turn = case.turn()
    heard_ms = max(case.facts.heard_ms or 0, turn.at_ms or 0)
    if case.is_alive or not heard_ms or case.now_ms - heard_ms < GIVEN_UP_MS:
        return None

    return Verdict(
        state=State.ENDED,
        since_ms=heard_ms,
        evidence="silent for long, and no process is known",
        evidence_ms=heard_ms,
        tier=Tier.NONE,
        confidence=Confidence.LOW,
        hint=case.hint,
    )


def _done(case: Case) -> Verdict | None:
    turn = case.turn()
    if turn.phase is not Phase.DONE:
        return None

    if case.working or case.facts.background:
        return _in_background(case, turn)

    verdict = Verdict(
        state=State.IDLE,
        since_ms=turn.since_ms,
        activity=Activity.BACKGROUND if turn.shell or case.facts.shells else None,
        evidence=turn.word,
        evidence_ms=turn.at_ms,
        tier=turn.tier,
        settled=turn.settled,
        recheck_ms=_until_given_up(case, turn),
    )
    if case.above is not None and case.agent == "claude":
        return replace(verdict, state=State.ENDED)  # nobody can prompt a subagent

    if case.facts.headless:
        return replace(verdict, state=State.ENDED)

    return _asking(case, verdict)


def _asking(case: Case, idle: Verdict) -> Verdict:
    """Return *idle*, or that its last words ask something."""
    match case.facts.cue:
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


def _in_background(case: Case, turn: Turn) -> Verdict:
    number = case.working or case.facts.background
    return _unless_silent(
        case,
        turn,
        Verdict(
            state=State.WORKING,
            since_ms=turn.since_ms,
            activity=Activity.BACKGROUND,
            evidence=f"{number} in the background",
            evidence_ms=turn.at_ms,
            tier=turn.tier,
        ),
        has_tool=True,
    )


def _working(case: Case) -> Verdict | None:
    turn = case.turn()
    if turn.phase is not Phase.WORKING:
        return None

    calls = case.at_work()
    hook = case.held.turn
    tool = list(calls.values())[-1].tool if calls else None
    if tool is None and turn.tier is Tier.HOOK and hook and hook.event == "PreToolUse":
        tool = hook.tool

    doing = Activity.TOOL if tool else case.facts.doing or Activity.THINKING
    if doing is Activity.TOOL and tool is None:
        doing = Activity.THINKING

    verdict = Verdict(
        state=State.WORKING,
        since_ms=turn.since_ms,
        activity=doing,
        tool=tool,
        evidence=f"{tool} is open" if calls else turn.word,
        evidence_ms=turn.at_ms,
        tier=turn.tier,
        confidence=_sureness(case, turn, tool),
        hint=case.hint if tool and case.asks else None,
    )
    return _unless_silent(case, turn, verdict, has_tool=bool(tool or case.working))


def _sureness(case: Case, turn: Turn, tool: str | None) -> Confidence:
    """A tool at work looks like a dialog where only the transcript is heard."""
    unsure = tool and case.asks and turn.tier is Tier.TRANSCRIPT and case.hint
    return Confidence.MEDIUM if unsure else Confidence.HIGH


def _unless_silent(
    case: Case, turn: Turn, working: Verdict, *, has_tool: bool
) -> Verdict:
    """Return *working*, or that it stalled: nothing is heard where something should."""
    if turn.tier is Tier.REGISTRY or (has_tool and case.is_alive):
        return working

    ceiling_ms = STALLED_CALL_MS if has_tool else STALLED_MS
    left_ms = ceiling_ms - case.silent_ms(turn)
    if left_ms > 0:
        return replace(working, recheck_ms=case.now_ms + left_ms)

    return Verdict(
        state=State.STALLED,
        since_ms=case.now_ms + left_ms,
        tool=working.tool,
        evidence=f"silent for {ceiling_ms // 60_000} min or more in a turn",
        evidence_ms=turn.at_ms,
        tier=turn.tier,
        confidence=Confidence.MEDIUM if case.is_alive else Confidence.LOW,
        hint=case.hint,
        recheck_ms=_until_given_up(case, turn),
    )


def _until_given_up(case: Case, turn: Turn) -> int | None:
    if case.is_alive:
        return None

    return case.now_ms - case.silent_ms(turn) + GIVEN_UP_MS


def _fresh(case: Case) -> Verdict | None:
    """Say that a session of which only a process is known waits for its first prompt."""
    if case.working:
        return _in_background(case, case.turn())

    if not case.is_alive:
        return None

    process = case.process.process
    return Verdict(
        state=State.IDLE,
        since_ms=None if process is None else process.started_ms,
        evidence="a process, and no prompt so far",
        tier=Tier.PROCESS,
        confidence=Confidence.MEDIUM,
    )


def verdict_of_nothing(case: Case) -> Verdict:
    """Return what is said of a session of which nothing is known."""
    return Verdict(
        state=State.UNKNOWN,
        evidence="nothing was said so far",
        tier=Tier.NONE,
        confidence=Confidence.LOW,
        hint=case.hint,
    )


LADDER: tuple[Callable[[Case], Verdict | None], ...] = (
    _over,
    _registry_wait,
    _hook_wait,
    _subagent_wait,
    _compacting,
    _question,
    _stalled_edit,
    _escalated,
    _limited,
    _given_up,
    _done,
    _working,
    _fresh,
)
