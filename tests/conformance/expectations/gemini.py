"""What is expected of Gemini CLI."""

from tests.conformance.expectations import Expected, Gap

_NEEDS_A_PERSON = "they call it ready; we say that somebody has to see to it"
_IN_ORDER = "the transcript was met before its process, and not after it"
_LATE = "the prompt came 16 s after the start, and 3 are allowed"
_NO_OTHER = "the recording has no transcript of the other agent"
_NO_CHILD = "the recording has no transcript of the subagent"

EXPECTED = Expected(
    replayed_as="gemini-cli",
    gaps=(
        Gap(
            reason="without a terminal no error of the provider is recorded",
            less={"errors": 1},
            runs="corpus/apierror",
        ),
    ),
    phases={
        ("gemini-cli/1-4_session-resume", "2026-06-12-12-17-36"): {
            "v2_session_resume": "a resumed session stays ended until its next prompt",
        },
        ("gemini-cli/2-4_self-correction-iteration", "2026-06-11-23-08-19"): {
            "turn_start": _LATE,
            "intermediate_working": _LATE,
        },
        ("gemini-cli/2-14_turn-aborted-by-error", "2026-06-12-14-25-05"): {
            "presession_birth": _IN_ORDER,
            "session_birth": _IN_ORDER,
            "turn_start": _IN_ORDER,
            "turn_end_error": _NEEDS_A_PERSON,
        },
        ("gemini-cli/2-14_turn-aborted-by-error", "2026-06-13-20-23-43"): {
            "turn_end_error": _NEEDS_A_PERSON,
        },
        ("gemini-cli/2-16_oversized-transcript-line", "2026-06-11-23-10-18"): {
            "turn_end": "the recording ends behind a tool, without a last message",
        },
        ("gemini-cli/2-20_user-esc-interrupt", "2026-06-12-13-40-36"): {
            "recovery_start": "the next prompt came with the end of the first turn",
        },
        ("gemini-cli/3-4_subagent-orphan-cleanup", "2026-06-12-14-38-38"): {
            "child_session_birth": _NO_CHILD,
            "parent_linked": _NO_CHILD,
        },
        ("gemini-cli/4-2_multiple-agents-same-workspace", "2026-06-12-11-41-44"): {
            "agentB_turn_start": _NO_OTHER,
            "agentB_turn_done": _NO_OTHER,
        },
    },
)
