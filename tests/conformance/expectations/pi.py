"""What is expected of pi."""

from tests.conformance.expectations import Expected, Gap

_AT_ONCE = "pi writes the first prompt with the first answer, in one moment"
_AFTER = "it follows a phase that the recording cannot show"
_GONE = "the process ended before the end of its turn, seen as a message, was settled"

EXPECTED = Expected(
    replayed_as="pi",
    gaps=(
        Gap(
            reason="an answer that was interrupted is written with its full prompt and"
            " one token of output",
            aborted_output=1,
        ),
        Gap(
            reason="the truth file names the session of another run",
            runs="corpus/simple",
            unknown=("sessions",),
        ),
    ),
    phases={
        ("pi/1-2_session-end", "2026-05-25-01-48-39"): {
            "turn_end": _GONE,
            "teardown": _AFTER,
        },
        ("pi/1-2_session-end", "2026-05-25-05-48-26"): {
            "turn_start": _AT_ONCE,
            "turn_end": _AFTER,
            "pid_bind": _AFTER,
            "teardown": _AFTER,
        },
        ("pi/1-4_session-resume", "2026-05-27-23-44-40"): {
            "v2_resume_rebind": "the process was bound behind its first turn",
        },
        ("pi/2-1_basic-turn", "2026-05-25-01-39-59"): {
            "turn_end": _GONE,
            "pid_bind": _AFTER,
            "teardown": _AFTER,
        },
        ("pi/2-5_synchronous-slash-command", "2026-05-25-02-43-00"): {
            "turn_start2": "the recording has one turn; its watcher saw two in it",
            "turn_done2": _AFTER,
            "slash_window": _AFTER,
        },
        ("pi/2-14_turn-aborted-by-error", "2026-05-25-05-20-53"): {
            "turn_aborted": "they call it ready; we say that somebody has to see to it",
            "pid_bind": "the process was never found",
            "teardown": "the process was never found",
        },
        ("pi/2-20_user-esc-interrupt", "2026-05-25-02-57-00"): {
            "pid_bind": f"{_AT_ONCE}; the first turn that is seen is behind it",
        },
        ("pi/4-2_multiple-agents-same-workspace", "2026-05-25-04-27-50"): {
            "agentB_turn_start": "the transcript of the other agent is not there",
            "agentB_turn_done": _AFTER,
        },
        ("pi/5-1_token-accounting", "2026-05-25-02-16-07"): {
            "t3_start": f"{_AT_ONCE}; two turns of three are seen",
            "t3_end": _AFTER,
            "pid_bind": f"{_AT_ONCE}; the first turn that is seen is behind it",
        },
    },
)
