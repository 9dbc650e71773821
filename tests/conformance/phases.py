"""The phases that a recording must go through, and the search for them.

A phase is found where its state is in force, or its entry in the log, at or after the
phase that it is relative to. `working` is working, `waiting` is both waits, and `ready`
is idle: also a session of which nothing was said so far, and one without a person that
is over with its turn.
"""

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jarvisd.base.session_words import State
from tests.conformance.replay import Seen

WORKING = {State.WORKING, State.COMPACTING}
WAITING = {State.WAITING_APPROVAL, State.WAITING_ANSWER}
READY = {State.IDLE, State.UNKNOWN}
STATES = {"working": WORKING, "waiting": WAITING, "ready": READY}


def phases_of(scenario: Path) -> list[dict[str, Any]]:
    """Return the phases of a scenario, in order."""
    text = (scenario / "expected.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [each for each in lines if "phase" in each]


@dataclass(slots=True)
class Search:
    """Looks for one phase after the other in what was *seen*."""

    seen: Sequence[Seen]
    found: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    def missing(
        self, phases: Iterable[dict[str, Any]], without: Container[str] = ()
    ) -> dict[str, str]:
        """Return the phases that are not there, with what is wrong.

        Those *without* which the recording has to do are passed over.
        """
        wrong = {}
        for phase in phases:
            name, anchor = phase["phase"], phase.get("relative_to", "start")
            if name in without:
                self.found[name] = self.found.get(anchor, 0)
                self.sessions[name] = self.sessions.get(anchor, "")
                continue

            reason = self._look(phase)
            if reason:
                wrong[name] = reason

        return wrong

    def _look(self, phase: dict[str, Any]) -> str:
        anchor = phase.get("relative_to", "start")
        if anchor != "start" and anchor not in self.found:
            return f"{anchor} was not found"

        start = 0 if anchor == "start" else self.found[anchor]
        index = self._index(phase, start, anchor)
        if index is None:
            return "not found"

        name, there = phase["phase"], self.seen[index]
        self.found[name], self.sessions[name] = max(index, start), there.session
        late_ms = there.at_ms - self.seen[start].at_ms
        if phase.get("max_delay_ms") is not None and late_ms > phase["max_delay_ms"]:
            return f"{late_ms} ms late"

        return self._broken(phase, start, index, there.session)

    def _index(self, phase: dict[str, Any], start: int, anchor: str) -> int | None:
        same = phase.get("same_session_as")
        wanted = self.sessions.get(same) if same else None
        if same in self.sessions and not phase.get("kind"):
            force = self._in_force(wanted or "", start)
            if force is not None and self._fits(phase, self.seen[force], wanted):
                return force

        elif same is None and anchor in self.sessions and not phase.get("new_session"):
            for session in self._candidates(anchor):
                force = self._in_force(session, start)
                if force is not None and self._fits(phase, self.seen[force], None):
                    return force

        for index in range(start, len(self.seen)):
            if self._fits(phase, self.seen[index], wanted):
                return index

        return None

    def _candidates(self, anchor: str) -> list[str]:
        """Return the sessions whose state at the anchor may be what is looked for.

        Behind an entry of the log it may be any session that was met before.
        """
        if self.seen[self.found[anchor]].state:
            return [self.sessions[anchor]]

        return list(dict.fromkeys(reversed(self.sessions.values())))

    def _in_force(self, session: str, start: int) -> int | None:
        for index in range(start, -1, -1):
            if self.seen[index].session == session and self.seen[index].state:
                return index

        return None

    def _fits(self, phase: dict[str, Any], seen: Seen, session: str | None) -> bool:
        if session is not None and seen.session != session:
            return False

        if phase.get("new_session") and seen.session in self.sessions.values():
            return False

        if "kind" in phase:
            return bool(seen.kind == phase["kind"])

        return is_in(seen, str(phase["expected_state"]))

    def _broken(
        self, phase: dict[str, Any], start: int, index: int, session: str
    ) -> str:
        there = self.seen[index]
        for each in self.seen[start + 1 : index]:
            if each.session == session and _is_forbidden(each, phase):
                return f"{each.state} in between"

        lasts_ms = phase.get("duration_at_least_ms", 0)
        for each in self.seen[index + 1 :]:
            within = each.at_ms < there.at_ms + lasts_ms
            if within and each.session == session and each.state:
                return f"{each.state} after {each.at_ms - there.at_ms} ms"

        return ""


def is_in(seen: Seen, expected: str) -> bool:
    """Say whether the state that was *seen* counts as *expected*."""
    if expected == "ready" and seen.state is State.ENDED:
        return "process" not in seen.evidence

    return seen.state in STATES[expected]


def _is_forbidden(seen: Seen, phase: dict[str, Any]) -> bool:
    for rule in phase.get("invariants", ()):
        state = rule.removeprefix("no state_transition to ").split()[0]
        if seen.state and is_in(seen, state):
            return True

    return False
