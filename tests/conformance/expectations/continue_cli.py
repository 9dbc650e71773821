"""What is expected of Continue."""

from tests.conformance.expectations import Expected, Gap

_ONE_ANSWER = {
    "requests": 1,
    "input_uncached": 140,
    "cache_read": 2051,
    "output": 80,
    "reasoning": 31,
}

EXPECTED = Expected(
    recorded_as=("continue",),
    gaps=(
        Gap(
            reason="a session is titled by a request that is in no log", kinds=("side",)
        ),
        Gap(reason="an answer that is cut in its stream is dropped", aborted=True),
        Gap(
            reason="three processes went on with one session",
            runs="*/resume",
            unknown=("sessions",),
        ),
        Gap(
            reason="a headless run that fails leaves nothing, not even its first step",
            runs="*/apierror",
            less={**_ONE_ANSWER, "prompts": 1, "errors": 1},
            unknown=("sessions", "calls"),
        ),
        Gap(
            reason="headless runs that are killed leave nothing",
            runs="*/killed",
            unknown=("sessions", "calls", "models"),
        ),
    ),
)
