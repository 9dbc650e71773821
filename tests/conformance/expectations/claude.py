"""What is expected of Claude Code."""

from tests.conformance.expectations import Expected, Gap

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
)
