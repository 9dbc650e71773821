"""States in words, for everything that shows them: what, since when, how we know.

A verdict that is not sure ends with a question mark; one in colour says the same in
letters.
"""

from collections import Counter
from collections.abc import Iterable

from jarvisd.base.session_words import NEEDS, Activity, Confidence, State
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names
from jarvisd.cli.output.tables import Column, TableCell
from jarvisd.cli.output.text import safe
from jarvisd.cli.output.titles import Titles, of_session
from jarvisd.state.model import StateView, needs_somebody
from jarvisd.state.wire import LiveSession

NOBODY = "nobody needs you"

_LABELS = {State.WAITING_APPROVAL: "approval", State.WAITING_ANSWER: "answer"}
"""Others are called what they are."""

STYLES = {
    State.WORKING: "32",
    State.WAITING_APPROVAL: "1;33",
    State.WAITING_ANSWER: "1;33",
    State.IDLE: "",
    State.LIMITED: "1;35",
    State.COMPACTING: "36",
    State.STALLED: "1;31",
    State.ENDED: "2",
    State.CRASHED: "1;31",
    State.UNKNOWN: "2",
}
ATTENTION_STYLE = "33"

COLUMNS = [
    Column(title="STATE", least=21),
    Column(title="SINCE", right=True, rank=1),
    Column(title="AGENT", least=6),
    Column(title="PROJECT", least=8, rank=2),
    Column(title="TITLE", least=12, part=0.15),
    Column(title="WHY", least=14, part=0.28, tail=", "),
]


def label(
    state: State, *, activity: Activity | None = None, tool: str | None = None
) -> str:
    """Return a state in a few letters: `approval (Bash)`, `working (thinking)`."""
    detail = tool or (None if activity is None else activity.value)
    name = _LABELS.get(state, state.value)
    return f"{name} ({safe(detail)})" if detail else name


def doubted(view: StateView) -> str:
    """Return the label of *view*, with a question mark where it is little more than a guess."""
    name = label(view.state, activity=view.activity, tool=view.tool)
    return f"{name}?" if is_guess(view.state, view.confidence) else name


def is_guess(state: State, confidence: Confidence) -> bool:
    """Return True if a session is perhaps not in *state*: then it is shown with a mark."""
    return confidence is Confidence.LOW and state is not State.UNKNOWN


def why(view: StateView, now_ms: int) -> str:
    """Return the evidence of a verdict: `PermissionRequest Bash, 14 s ago (hook)`."""
    if not view.evidence:
        return "no evidence"

    parts = [safe(view.evidence)]
    if view.evidence_ms is not None:
        passed_s = max(0, now_ms - view.evidence_ms) / fmt.MS_PER_S
        parts.append(f"{fmt.duration(round(passed_s))} ago")

    return f"{', '.join(parts)} ({view.tier})"


def reasons(view: StateView, now_ms: int) -> str:
    """Return the reason to look at the session, else the evidence of its verdict."""
    return "; ".join(safe(each.message) for each in view.attention) or why(view, now_ms)


def since(view: StateView, now_ms: int) -> str:
    """Return for how long it has been so; of a limited one, how long it will be."""
    if view.state is State.LIMITED and view.until_ms is not None:
        left_s = max(0, view.until_ms - now_ms) / fmt.MS_PER_S
        return f"{fmt.duration(round(left_s))} left"

    return fmt.ago(view.since_ms, now_ms)


def project(session: LiveSession) -> str:
    """Return the short name of the project, else of the folder where it runs."""
    return project_names.short(session.project, session.cwd) or fmt.ABSENT


def row(session: LiveSession, now_ms: int, titles: Titles) -> list[TableCell]:
    """Return the cells of *session*, one for each of COLUMNS."""
    view = session.state
    urgent = view.state in NEEDS
    style = STYLES[view.state] if urgent or not view.attention else ATTENTION_STYLE
    mark = "" if urgent or not view.attention else "!"
    return [
        TableCell(mark + doubted(view), style),
        TableCell(since(view, now_ms)),
        TableCell(session.agent),
        TableCell(project(session)),
        TableCell(titles.of(of_session(session))),
        TableCell(why(view, now_ms) if urgent else reasons(view, now_ms)),
    ]


def hints(sessions: Iterable[LiveSession]) -> list[str]:
    """Return the hints that would make states certain, each once with its count."""
    counted = Counter(each.state.hint for each in sessions if each.state.hint)
    return [
        f"? {hint}" if count == 1 else f"? {hint} ({count} sessions)"
        for hint, count in counted.items()
    ]


def in_need(sessions: Iterable[LiveSession]) -> list[LiveSession]:
    """Return those to look at, in order: in need, noticed, perhaps in need, idle longest.

    *sessions* come as `states.list` gives them, those in need first. What a subagent
    needs is its parent's need, so it is left out unless its parent is not there.
    """
    listed = list(sessions)
    keys = {(each.agent, each.session_id) for each in listed}
    own = [
        each
        for each in listed
        if each.parent_session_id is None
        or (each.agent, each.parent_session_id) not in keys
    ]
    return sorted((each for each in own if _rank(each) < 4), key=_rank)


def needs_you(session: LiveSession) -> bool:
    """Return True if somebody should look at *session*, and not only may."""
    return _rank(session) < 2


def _rank(session: LiveSession) -> int:
    view = session.state
    if needs_somebody(view.state, view.confidence):
        return 0

    if view.attention:
        return 1

    if view.state in NEEDS:
        return 2  # a guess

    return 3 if view.state is State.IDLE else 4
