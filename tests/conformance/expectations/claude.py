"""What is expected of Claude Code."""

from tests.conformance.expectations import Expected, Gap

_ONE_TURN = "the recording has one turn; its watcher took bookkeeping for a second"

EXPECTED = Expected(
    replayed_as="claudecode",
    gaps=(
        Gap(
            reason="the user chose to go on planning: the wire does not tell",
            runs="recordings/plan",
            outcomes=("ExitPlanMode",),
        ),
        Gap(
            reason="a message whose stream was cut is written with its full prompt and"
            " one token of output",
            aborted_output=1,
        ),
        Gap(
            reason="a request that was stopped before a word came is in no transcript",
            runs="recordings/states*",
            aborted=True,
        ),
        Gap(
            reason="the request of /compact is in no transcript",
            kinds=("side-summary",),
        ),
    ),
    phases={
        ("claudecode/1-5_session-reset", "2026-05-15-12-58-24"): {
            "old_session_ended": "an entry of the watcher's log, which is not there",
        },
        ("claudecode/2-14_turn-aborted-by-error", "2026-05-22-15-49-22"): {
            "turn_end_error": "they call it ready; we say that somebody has to see to it",
        },
        ("claudecode/2-20_user-esc-interrupt", "2026-05-18-00-27-50"): {
            "interrupt_to_ready": "Esc while thinking left no trace, and no hook was heard",
        },
        ("claudecode/2-7_autonomous-loop", "2026-05-18-22-47-11"): {
            "iter2_turn_start": _ONE_TURN,
            "iter2_turn_end": _ONE_TURN,
        },
        ("claudecode/2-8_autonomous-loop-iteration-limit", "2026-05-18-22-56-34"): {
            "iter2_turn_start": _ONE_TURN,
            "iter2_turn_end": _ONE_TURN,
        },
        ("claudecode/3-2_background-subagent", "2026-05-29-19-49-08"): {
            "child_drain": "the transcripts of the children are not in the recording",
            "parent_turn_end": "the children's end begins a turn, which is killed in 0.4 s",
        },
    },
    approvals=frozenset(
        {("claudecode/2-19_tool-gate-permission-prompt", "2026-05-18-00-27-09")}
    ),
)
