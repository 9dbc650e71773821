"""Rungs of the ladder: a person is needed, by what others witnessed or by a guess."""

import math

from msgspec.structs import replace

from jarvisd.base.session_words import Confidence, State
from jarvisd.ledger.ledger_stream import OpenTool
from jarvisd.state.facts import Phase
from jarvisd.state.model import Tier
from jarvisd.state.open_dialogs import (
    APPROVAL_CEILING_MS,
    granted_until_ms,
    is_closed,
    is_unanswered,
    may_stand,
)
from jarvisd.state.situation import (
    OF_CHILD,
    Situation,
    StateVerdict,
)
from jarvisd.state.turns import verdict_of_nothing, working

COMPACTION_CEILING_MS = 5 * 60_000
"""A compaction whose end was not reported."""

STALLED_EDIT_MS = 30_000
"""Edits take no time, so one that is open waits for leave; one took 16.2 s."""

UNANSWERED_MS = 1_000
"""In modes that answer by themselves, a request must stand this long to be one."""


def registry_wait(situation: Situation) -> StateVerdict | None:
    """Return the wait for a dialog that the agent's registry shows."""
    registry, words = situation.signals.registry, situation.traits.registry
    if registry is None or registry.status != words.waiting:
        return None

    if not may_stand(situation, registry.at_ms):
        return None

    tool = _tool_asked_for(situation)
    asked = situation.traits.is_question(tool)
    word = registry.waiting_for
    if word == words.menu and not asked and situation.turn().phase is not Phase.WORKING:
        return None  # a menu that the person opened

    approval = not asked and (word is None or word in words.approvals)
    known = approval or asked or word in words.answers
    return StateVerdict(
        state=State.WAITING_APPROVAL if approval else State.WAITING_ANSWER,
        since_ms=registry.at_ms,
        tool=tool,
        evidence=f"registry: {word or registry.status}",
        evidence_ms=registry.at_ms,
        tier=Tier.REGISTRY,
        confidence=Confidence.HIGH if known else Confidence.LOW,
        recheck_ms=registry.at_ms + APPROVAL_CEILING_MS,
    )


def _tool_asked_for(situation: Situation) -> str | None:
    """Return the tool that a dialog is most likely about.

    That is an open question, the tool of a hook that may be there before the call is
    written, or the newest call.
    """
    for each in situation.questions().values():
        return each.tool

    ask = situation.signals.ask
    if ask is not None and ask.tool is not None and is_unanswered(situation, ask):
        return ask.tool

    calls = list(situation.at_work().values())
    return calls[-1].tool if calls else None


def hook_wait(situation: Situation) -> StateVerdict | None:
    """Return the wait for a dialog that a hook reported, unless it was answered."""
    ask = situation.signals.ask
    if ask is None:
        return None

    until_ms = granted_until_ms(situation, ask.at_ms)
    if situation.now_ms < until_ms < math.inf:
        at_work = working(situation) or verdict_of_nothing(situation)
        return replace(at_work, recheck_ms=round(until_ms))

    if not is_unanswered(situation, ask):
        return None

    traits = situation.traits
    answer = traits.is_question(ask.tool) or ask.detail == traits.hooks.form
    verdict = StateVerdict(
        state=State.WAITING_ANSWER if answer else State.WAITING_APPROVAL,
        since_ms=ask.at_ms,
        tool=ask.tool,
        evidence=" ".join(filter(None, (ask.event, ask.detail, ask.tool))),
        evidence_ms=ask.at_ms,
        tier=Tier.HOOK,
        recheck_ms=ask.at_ms + APPROVAL_CEILING_MS,
    )
    if answer or situation.asks:
        return verdict

    return _unless_answered(situation, verdict, ask.at_ms)


def _unless_answered(
    situation: Situation, verdict: StateVerdict, asked_ms: int
) -> StateVerdict | None:
    """Return *verdict* if the request stood long enough where programs answer.

    Where nobody is ever asked a request is none. A request that is too young is one
    that is looked at again.
    """
    if situation.mode in situation.traits.free_modes:
        return None

    if situation.now_ms - asked_ms < UNANSWERED_MS:
        at_work = working(situation) or verdict_of_nothing(situation)
        return replace(at_work, recheck_ms=asked_ms + UNANSWERED_MS)

    return replace(verdict, confidence=Confidence.MEDIUM)


def recorded_wait(situation: Situation) -> StateVerdict | None:
    """Return the wait for a dialog that is open by the agent's own records.

    Where they only lack that a call runs, they must lack it for a while.
    """
    approvals = situation.facts.approvals
    if not approvals or situation.renewed_ms is not None:
        return None

    active_ms = situation.facts.active_ms or 0
    due = {
        call_id: (each.at_ms or active_ms) + each.after_ms
        for call_id, each in approvals.items()
    }
    call_id = min(due, key=lambda each: due[each])
    asked = approvals[call_id]
    asked_ms = asked.at_ms or active_ms
    if is_closed(situation, asked_ms) or not may_stand(situation, asked_ms):
        return None

    if situation.now_ms < due[call_id]:
        at_work = working(situation) or verdict_of_nothing(situation)
        return replace(at_work, recheck_ms=due[call_id])

    calls = situation.at_work()
    named = calls.get(call_id) or next(reversed(calls.values()), None)
    tool = asked.tool or (None if named is None else named.tool)
    is_question = situation.traits.is_question(tool)
    return StateVerdict(
        state=State.WAITING_ANSWER if is_question else State.WAITING_APPROVAL,
        since_ms=asked_ms,
        tool=tool,
        evidence="no sign that the call runs"
        if asked.after_ms
        else "approval requested",
        evidence_ms=asked_ms,
        confidence=Confidence.MEDIUM if asked.after_ms else Confidence.HIGH,
        recheck_ms=asked_ms + APPROVAL_CEILING_MS,
    )


def subagent_wait(situation: Situation) -> StateVerdict | None:
    """Return the wait of a subagent, which is its parent's, too."""
    needs = situation.needs
    if needs is None:
        return None

    evidence = needs.evidence.removeprefix(OF_CHILD)
    return replace(needs, evidence=OF_CHILD + evidence, recheck_ms=None, of_child=True)


def compacting(situation: Situation) -> StateVerdict | None:
    """Return that the context is being compacted, if a hook reported it."""
    hook = situation.signals.compacting
    if hook is None or (situation.facts.compacted_ms or 0) >= hook.at_ms:
        return None

    began_ms = hook.at_ms
    until_ms = began_ms + COMPACTION_CEILING_MS
    if situation.now_ms >= until_ms:
        return None

    return StateVerdict(
        state=State.COMPACTING,
        since_ms=began_ms,
        evidence=hook.event,
        evidence_ms=began_ms,
        tier=Tier.HOOK,
        recheck_ms=until_ms,
    )


# What the transcript shows, or lets guess


def question(situation: Situation) -> StateVerdict | None:
    """Return the wait for a question or a plan that the transcript shows."""
    for each in situation.questions().values():
        return StateVerdict(
            state=State.WAITING_ANSWER,
            since_ms=each.at_ms,
            tool=each.tool,
            evidence=f"{each.tool} is open",
            evidence_ms=each.at_ms,
        )

    return None


def stalled_edit(situation: Situation) -> StateVerdict | None:
    """Guess that an edit waits for leave, as it takes too long."""
    if (
        not situation.calls
        or not situation.asks
        or situation.mode in situation.traits.edit_modes
    ):
        return None

    for each in situation.at_work().values():
        if each.tool.lower() in situation.traits.edits and each.at_ms is not None:
            return (
                None
                if _knows_better(situation)
                else _guess(situation, each, each.at_ms)
            )

    return None


def _guess(situation: Situation, edit: OpenTool, since_ms: int) -> StateVerdict | None:
    """Return that *edit* waits for leave, once it has been open for long."""
    due_ms = since_ms + STALLED_EDIT_MS
    if situation.now_ms < due_ms:
        at_work = working(situation)
        return None if at_work is None else replace(at_work, recheck_ms=due_ms)

    return StateVerdict(
        state=State.WAITING_APPROVAL,
        since_ms=since_ms,
        tool=edit.tool,
        evidence=f"{edit.tool} is open for {STALLED_EDIT_MS // 1000} s or more",
        evidence_ms=since_ms,
        confidence=Confidence.LOW,
        hint=situation.hint,
    )


def _knows_better(situation: Situation) -> bool:
    """Whether a hook or the registry would have reported a dialog, if there were one."""
    registry = situation.signals.registry
    return situation.signals.hooked or (
        registry is not None and registry.status is not None
    )
