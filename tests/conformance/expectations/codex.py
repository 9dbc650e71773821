"""What is expected of Codex."""

from tests.conformance.expectations import Expected, Gap

_NO_RECORDS = "the recording has no transcript of the second session"

EXPECTED = Expected(
    replayed_as="codex",
    gaps=(
        Gap(reason="nothing is written of a stream that was cut", aborted=True),
        Gap(
            reason="threads that only make titles have no rollout",
            kinds=("side-json",),
        ),
    ),
    phases={
        ("codex/1-4_session-resume", "2026-05-23-20-30-54"): {
            "v2_resume_rebind": "the process was bound behind the first line of its turn",
        },
        ("codex/1-5_session-reset", "2026-05-23-19-21-40"): {
            "v2_session_birth": _NO_RECORDS,
            "v2_turn_start": _NO_RECORDS,
            "v2_turn_end": _NO_RECORDS,
        },
        ("codex/2-20_interrupted-turn", "2026-05-16-22-56-57"): {
            "turn_2_end": "the provider took 113 s to answer, and 30 are allowed",
        },
    },
    approvals=frozenset(
        {("codex/2-19_tool-gate-permission-prompt", "2026-08-18-00-40-25")}
    ),
)
