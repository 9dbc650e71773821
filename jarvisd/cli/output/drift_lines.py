"""Drift in words: what an agent's version writes that jarvisd does not know."""

from collections.abc import Sequence

from jarvisd.cli.output import format as fmt
from jarvisd.overview.health_wire import AgentDrift

_KINDS = (
    ("record_type", "unknown record types"),
    ("usage_field", "unknown usage fields"),
    ("no_tokens", "responses without tokens"),
)
_MAX_NAMES = 5
"""Shown of one kind; `--json` has all."""


def described(drift: AgentDrift) -> str:
    """Return the unknown parts of one version: `9.9.9: unknown record types: foo (3)`."""
    parts = []
    if drift.newer:
        read = fmt.number_of(drift.transcripts, "transcript")
        parts.append(f"newer than {drift.newest_tested}, the newest tested ({read})")

    for kind, words in _KINDS:
        found = sorted(
            (each for each in drift.items if each.kind == kind),
            key=lambda each: -each.count,
        )
        if found:
            names = [f"{each.name} ({each.count:,})" for each in found[:_MAX_NAMES]]
            more = len(found) - len(names)
            rest = f", {more} more" if more else ""
            parts.append(f"{words}: {', '.join(names)}{rest}")

    return f"{drift.version or 'unknown version'}: {'; '.join(parts)}"


def summary(found: Sequence[AgentDrift]) -> str | None:
    """Return one line about all drift, the most serious first; None if there is none."""
    if not found:
        return None

    first, *rest = sorted(found, key=lambda each: (not each.items, -each.last_ms))
    name = f"{first.agent} {first.version or '(unknown version)'}"
    if first.items:
        count = sum(bool(each.items) for each in rest)
        what = f"{name} writes records that jarvisd does not know"
    else:
        count = len(rest)
        what = f"{name} is newer than tested ({first.newest_tested})"

    others = f", and {fmt.number_of(count, 'other version')}" if count else ""
    return f"{what}{others}: see jarvisctl doctor"
