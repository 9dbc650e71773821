"""What is expected of Aider."""

from tests.conformance.expectations import Expected, Gap

_AFTER = "it follows a phase that the recording cannot show"
_ASKING = "Aider had asked the model again when it was ended: the turn was not over"
_COPIED = "the transcripts of the other agents are not in the recording"

EXPECTED = Expected(
    replayed_as="aider",
    roots=("work",),
    gaps=(
        Gap(
            reason="a model is called as it was chosen",
            models={"mock-model": "openai/mock-model"},
        ),
        Gap(
            reason="requests for commit messages are in no log", kinds=("side", "extra")
        ),
        Gap(
            reason="Aider counts a streamed answer itself: 785 sent, 75 received",
            runs="recordings/simple",
            instead={
                "input_uncached": 785,
                "cache_read": 0,
                "output": 75,
                "reasoning": 0,
            },
        ),
        Gap(
            reason="as before, rounded: 755 sent and 32 received, 1.0k sent and 5 received",
            runs="recordings/tools",
            instead={
                "input_uncached": 1755,
                "cache_read": 0,
                "output": 37,
                "reasoning": 0,
            },
        ),
    ),
    phases={
        ("aider/2-1_basic-turn", "2026-05-25-17-16-28"): {
            "turn_end": "the watcher saw less of the file than the end of the turn",
            "teardown": _AFTER,
        },
        ("aider/2-4_self-correction-iteration", "2026-05-25-18-26-46"): {
            "turn_end": _ASKING,
            "teardown": _AFTER,
        },
        ("aider/2-5_synchronous-slash-command", "2026-05-25-18-44-31"): {
            "slash_turn_start": "a command that asks no model is no turn",
            "slash_turn_end": _AFTER,
            "teardown": _AFTER,
        },
        ("aider/2-8_autonomous-loop-iteration-limit", "2026-05-25-19-15-12"): {
            "cap_hit_turn_end": _ASKING,
            "teardown": _AFTER,
        },
        ("aider/2-14_turn-aborted-by-error", "2026-05-25-18-55-18"): {
            "turn_aborted": "they call it ready; we say that somebody has to see to it",
            "teardown": _AFTER,
        },
        ("aider/4-2_multiple-agents-same-workspace", "2026-05-25-19-19-07"): {
            "agentB_turn_start": _COPIED,
            "agentB_turn_done": _COPIED,
        },
        ("aider/4-2_multiple-agents-same-workspace", "2026-05-25-21-26-41"): {
            "agentA_turn_start": "the watcher took the process of Aider for another agent's",
            "agentA_turn_done": _AFTER,
            "agentB_turn_start": _COPIED,
            "agentB_turn_done": _COPIED,
        },
    },
)
