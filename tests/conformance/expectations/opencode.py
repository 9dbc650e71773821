"""What is expected of opencode."""

import json
from collections.abc import Iterable

from tests.conformance.event_log import TABLES, transactions
from tests.conformance.expectations import Expected, Gap, Growth


def part_rows(line: bytes) -> Iterable[bytes]:
    """Return a part of a replay as a row: each is taken for a message of its own.

    That a message ended with an error is written beside its parts.
    """
    part = json.loads(line)
    at_ms, error = part.pop("_ts"), part.pop("_error", None)
    row = {
        "table": "part",
        "created": at_ms,
        "directory": part.pop("_cwd"),
        "owner_role": part.pop("_role"),
        "owner_created": at_ms,
        "owner_model": part.pop("_model"),
        "data": part,
    }
    yield json.dumps(row).encode()
    if error:
        data = {"role": "assistant", "time": {"created": at_ms}, "error": error}
        yield json.dumps({"table": "message", "data": data}).encode()


_ONE_AGENT = "the transcripts of the other agents are not in the recording"
_PROCESS = "the process is taken for the second session, which begins 1.4 s later"
_FAILED = "an error of the provider is for a person to see to, and not ready"

EXPECTED = Expected(
    replayed_as="opencode",
    gaps=(
        Gap(reason="requests for titles are in no table", kinds=("side",)),
        Gap(reason="an answer whose stream was cut has no counts", aborted=True),
    ),
    growth=Growth(replayed=TABLES, transactions=transactions),
    replay_items=part_rows,
    phases={
        ("opencode/1-8_model-context-display", "2026-06-05-11-06-00"): {
            "turn_end": _FAILED,
        },
        ("opencode/3-1_foreground-subagent", "2026-05-26-23-20-51"): {
            "child_session_birth": "the model took 120.4 s, and 120 are allowed",
            "child_parent_linked": "the model took 120.4 s, and 120 are allowed",
            "child_done": "the parts of the child are not in the recording",
            "parent_turn_end": "anchored to a session of which nothing is recorded",
        },
        ("opencode/4-1_multiple-sessions-same-cwd", "2026-05-27-03-35-01"): {
            "s1_turn1_done": _FAILED,
            "s2_turn1_done": _FAILED,
            "s1_turn2_done": _FAILED,
        },
        ("opencode/4-1_multiple-sessions-same-cwd", "2026-05-27-20-12-04"): {
            "s2_turn1_start": _PROCESS,
            "s2_turn1_done": _PROCESS,
        },
        ("opencode/4-2_multiple-agents-same-workspace", "2026-05-26-00-58-18"): {
            "agentB_turn_start": _ONE_AGENT,
            "agentB_turn_done": _ONE_AGENT,
        },
        ("opencode/4-2_multiple-agents-same-workspace", "2026-05-27-00-08-49"): {
            "agentB_turn_start": _ONE_AGENT,
            "agentB_turn_done": _ONE_AGENT,
        },
    },
)
