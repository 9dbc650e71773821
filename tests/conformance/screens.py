"""What the screen of a real client showed, as phases: the truth of recorded runs.

A terminal run has a line for each change of the screen, `{"t": seconds, "s": text}`, looked
at every 100 ms. The words are those of Claude Code 2.1.332 and Codex 0.171.0.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jarvisd.base.session_words import State

FLICKER_S = 0.25
"""A shorter phase is the screen while it is drawn."""

BLANK_S = 0.6
"""An empty screen that comes back sooner is still the same client."""

LAST_LINES = 14

REST = {State.IDLE, State.WAITING_ANSWER, State.ENDED}
RIGHT: dict[str, set[State]] = {
    "APPROVAL": {State.WAITING_APPROVAL},
    "QUESTION": {State.WAITING_ANSWER},
    "PLAN": {State.WAITING_ANSWER, State.WAITING_APPROVAL},
    "COMPACTING": {State.COMPACTING},
    "WORKING": {State.WORKING},
    "RETRYING": {State.WORKING},
    "IDLE": REST,
    "DIALOG": REST,
    "OVER": {State.ENDED, State.CRASHED},
}
"""The states that may be reported while the screen shows a phase."""

DIALOGS = {"APPROVAL", "QUESTION", "PLAN"}


class ScreenPhase(NamedTuple):
    """What one screen showed from *begin_s* to *end_s*."""

    name: str
    begin_s: float
    end_s: float


def screen_phases(run: Path, agent: str) -> list[ScreenPhase]:
    """Return the phases of all terminals of *run*, in the order of time."""
    found: list[ScreenPhase] = []
    for each in json.loads((run / "_run" / "results.json").read_text()):
        path = run / "_run" / f"{each['tag']}.screens.jsonl"
        if path.exists():
            found += _phases_in(path, _READ[agent], each["end"])

    return sorted(found, key=lambda each: each.begin_s)


def _phases_in(
    path: Path, read: Callable[[str], str], end_s: float
) -> Iterator[ScreenPhase]:
    begun: list[tuple[float, str]] = []
    for each in _lines(path):
        shown = [line for line in each["s"].split("\n") if line.strip()]
        text = "\n".join(shown[-LAST_LINES:])
        name = read(text) if text or not begun else "OVER"
        if begun and begun[-1][1] == name:
            continue

        if len(begun) > 1 and each["t"] - begun[-1][0] < (
            BLANK_S if begun[-1][1] == "OVER" else FLICKER_S
        ):
            begun.pop()

        if not begun or begun[-1][1] != name:
            begun.append((each["t"], name))

    ends = [at_s for at_s, _ in begun[1:]] + [end_s]
    for (at_s, name), until_s in zip(begun, ends, strict=True):
        yield ScreenPhase(name, at_s, until_s)


def _claude(text: str) -> str:
    if "Which colour" in text and re.search(r"Enter to select|\u276f 1\.", text):
        return "QUESTION"

    plan = r"Would you like to proceed|Ready to code|Exit plan mode\?"
    if re.search(plan, text) and re.search(r"\u276f \d\.", text):
        return "PLAN"

    if "1. Yes" in text and re.search(
        r"Do you want to|This command requires approval", text
    ):
        return "APPROVAL"

    if re.search(r"Select model|Set to auto|Enter to confirm", text):
        return "DIALOG"

    if "Compacting" in text:
        return "COMPACTING"

    if "esc to interrupt" in text and re.search(r"[Rr]etrying|attempt \d", text):
        return "RETRYING"

    return "WORKING" if re.search(r"esc to (interrupt|cancel)", text) else "IDLE"


def _codex(text: str) -> str:
    if re.search(r"Would you like to|Yes, proceed", text) and re.search(
        r"1\.|esc", text
    ):
        return "APPROVAL"

    if "esc to interrupt" not in text:
        return "IDLE"

    if re.search(r"[Cc]ompacting", text):
        return "COMPACTING"

    if re.search(r"reconnecting|stream error|retry", text, re.IGNORECASE):
        return "RETRYING"

    return "WORKING"


_READ = {"claude": _claude, "codex": _codex}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        yield from map(json.loads, file)
