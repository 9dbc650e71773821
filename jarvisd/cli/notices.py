"""How a notification is shown: on the desktop, by the bell, by the user's command."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Literal

import msgspec

from jarvisd.base.session_words import Confidence, State
from jarvisd.budgets.model import BudgetView, BudgetWarning
from jarvisd.cli.output import project_names, terminal
from jarvisd.cli.output.reports import budget_tables
from jarvisd.cli.output.state_words import is_guess
from jarvisd.cli.output.text import safe
from jarvisd.cli.templates import fill
from jarvisd.core.event import Trouble
from jarvisd.state.model import Transition
from jarvisd.state.wire import LiveSession

LIMIT_S = 10.0
Way = Literal["desktop", "bell", "command"]

_TITLES = {
    State.WAITING_APPROVAL: ("needs your approval", "may need your approval"),
    State.WAITING_ANSWER: ("has a question", "may have a question"),
    State.CRASHED: ("has crashed", "may have crashed"),
    State.LIMITED: ("has reached a limit", "may have reached a limit"),
    State.STALLED: ("has gone silent", "may have gone silent"),
    State.IDLE: ("is done", "may be done"),
    State.ENDED: ("has ended", "may have ended"),
}
"""What has happened, and what may have: a guess."""

_TROUBLES = tuple(Trouble)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notification: of one session, of as many as come at once, or of a budget.

    Of a budget, *state* is None, *agent* and *session_id* are its filters or "", and
    *evidence* is the sum that is spent.

    Attributes:
        title: What has happened, in a few words.
        body: Where, and how that is known.
        confidence: How sure that is; a guess is worded as one.
        more: The ids of other sessions that this is about, too.

    """

    title: str
    body: str
    agent: str
    session_id: str
    state: State | None
    tool: str | None
    evidence: str
    project: str | None
    cwd: str | None
    since_ms: int
    number: int
    confidence: Confidence
    more: tuple[str, ...] = ()
    budget: BudgetView | None = None


def _what(each: Transition, *, guessed: bool) -> str:
    """Return the event in a few words, worded as possible if only *guessed*."""
    if each.state is State.WAITING_ANSWER and each.evidence.startswith(_TROUBLES):
        can = "may not be able to" if guessed else "cannot"
        return f"{can} go on: {each.evidence}"

    sure, guess = _TITLES.get(each.state, (f"is {each.state}", f"may be {each.state}"))
    return guess if guessed else sure


def notice(each: Transition, session: LiveSession | None) -> Notice:
    """Return the notice of *each*; *session* is None where nothing more is known."""
    # What was a guess may be sure by now.
    confidence = (each if session is None else session.state).confidence
    what = _what(each, guessed=is_guess(each.state, confidence))
    tool = f" ({each.tool})" if each.tool else ""
    project = None if session is None else session.project
    # Not the first words: what is notified of may be kept, by the journal at least.
    folder, title = project_names.short(project), session.title if session else None
    named = [safe(part) for part in (folder, title) if part]
    place = " · ".join(named) or safe(f"a session of {each.agent}")
    return Notice(
        title=safe(f"{each.agent} {what}{tool}"),
        body=f"{place}\n{safe(each.evidence)} ({each.tier})",
        agent=each.agent,
        session_id=each.session_id,
        state=each.state,
        tool=each.tool,
        evidence=each.evidence,
        project=project,
        cwd=None if session is None else session.cwd,
        since_ms=each.at_ms,
        number=each.number,
        confidence=confidence,
    )


def budget_notice(warning: BudgetWarning) -> Notice:
    """Return the notice of a warning of a budget."""
    title, body = budget_tables.said(warning)
    budget = warning.budget
    return Notice(
        title=safe(title),
        body=safe(body),
        agent=budget.agent or "",
        session_id=budget.session_id or "",
        state=None,
        tool=None,
        evidence=safe(body),
        project=budget.project,
        cwd=None,
        since_ms=warning.at_ms,
        number=warning.number,
        confidence=Confidence.HIGH,
        budget=budget,
    )


def gathered(notices: Sequence[Notice]) -> Notice:
    """Return *notices* as one."""
    first, *rest = notices
    if not rest:
        return first

    return msgspec.structs.replace(
        first,
        title=_counted(notices),
        body="\n".join(each.title for each in notices),
        more=tuple(each.session_id for each in rest),
    )


def _counted(notices: Sequence[Notice]) -> str:
    """Return `2 sessions need you, 1 may`: only what is sure counts as a need."""
    guesses = sum(
        each.state is not None and is_guess(each.state, each.confidence)
        for each in notices
    )
    if not guesses:
        return f"{len(notices)} sessions need you"

    sure = len(notices) - guesses
    if not sure:
        return f"{guesses} sessions may need you"

    need = "1 session needs" if sure == 1 else f"{sure} sessions need"
    return f"{need} you, {guesses} may"


class Shower:
    """Shows notices in the chosen *ways*; says once of each way that it fails."""

    def __init__(self, ways: Sequence[Way], command: Sequence[str]) -> None:
        self._ways = ways
        self._command = command
        self._failing: set[str] = set()

    def show(self, shown: Notice) -> None:
        """Show *shown* in every way that works."""
        for way in self._ways:
            self._report_once(way, self._show(way, shown))

    def _show(self, way: Way, shown: Notice) -> str | None:
        """Show it; return what went wrong."""
        match way:
            case "desktop":
                return _run(_desktop(shown), b"")
            case "bell":
                _ring()
                return None
            case "command":
                words = fill(self._command, msgspec.structs.asdict(shown))
                return _run(words, msgspec.json.encode(shown)) if words else None

    def _report_once(self, way: Way, trouble: str | None) -> None:
        if trouble is None:
            self._failing.discard(way)
        elif way not in self._failing:
            self._failing.add(way)
            terminal.report(f"{way}: {trouble}")


def _desktop(shown: Notice) -> list[str]:
    # Bodies are markup to most servers, and names are anybody's.
    body = shown.body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return ["notify-send", "--app-name=jarvisd", "--", shown.title, body]


def _ring() -> None:
    """Ring where there is a terminal; a service has none."""
    for stream in (sys.stdout, sys.stderr):
        if terminal.is_terminal(stream):
            stream.write("\a")
            stream.flush()
            return


def _run(words: Sequence[str], given: bytes) -> str | None:
    try:
        done = subprocess.run(
            words,
            input=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
        )
    except FileNotFoundError:
        return f"there is no `{words[0]}`"
    except OSError as exc:
        return exc.strerror or str(exc)
    except subprocess.TimeoutExpired:
        return f"`{words[0]}` did not end within {LIMIT_S:g} s"

    return f"`{words[0]}` ended with {done.returncode}" if done.returncode else None
