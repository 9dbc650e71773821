"""What is expected of GitHub Copilot CLI."""

from tests.conformance.expectations import Expected, Gap

_ENTRY = "an entry of the watcher's log that is a verdict of its own"
_BORN = "the session was met with its first prompt: nothing was known of it before"
_CUT = "the watcher saw less of the first file than is there: the second is cut"
_NO_OTHER = "the recording has no transcript of the other agent"
_CONTINUES = "it goes on by itself a second after its last words: idle until then"

EXPECTED = Expected(
    replayed_as="copilot",
    gaps=(
        Gap(
            reason="subagents are in the session's own file, and no sessions of their own",
            unknown=("subagents",),
        ),
    ),
    phases={
        ("copilot/2-7_autonomous-loop", "2026-08-05-09-49-01"): {
            "loop_start": _CONTINUES,
        },
        ("copilot/2-8_autonomous-loop-iteration-limit", "2026-08-05-09-54-17"): {
            "cap_reached": _CONTINUES,
        },
        ("copilot/2-11_auto-classified-permission", "2026-08-03-18-09-53"): {
            "no_waiting_turn": _ENTRY,
        },
        ("copilot/2-11_auto-classified-permission", "2026-08-03-18-25-06"): {
            "no_waiting_turn": _ENTRY,
        },
        ("copilot/2-14_turn-aborted-by-error", "2026-08-05-17-29-03"): {
            "turn_aborted": "they call it ready; we say that somebody has to see to it",
        },
        ("copilot/3-1_foreground-subagent", "2026-08-05-17-38-08"): {
            "turn_start_held_working": _BORN,
        },
        ("copilot/3-5_workflow-fanout", "2026-08-05-17-19-00"): {
            "fanout_working": _BORN,
        },
        ("copilot/4-1_multiple-sessions-same-cwd", "2026-08-05-17-21-31"): {
            "s2_turn1_done": _CUT,
        },
        ("copilot/4-2_multiple-agents-same-workspace", "2026-08-05-17-26-52"): {
            "agentB_turn_start": _NO_OTHER,
            "agentB_turn_done": _NO_OTHER,
        },
    },
    approvals=frozenset(
        {
            ("copilot/2-19_tool-gate-permission-prompt", "2026-08-03-18-02-54"),
            ("copilot/2-19_tool-gate-permission-prompt", "2026-08-03-18-22-19"),
        }
    ),
)
