"""What is expected of Mistral Vibe."""

from tests.conformance.expectations import Expected, Gap, Growth

EXPECTED = Expected(
    gaps=(
        Gap(
            reason="reasoning is in the output, and not written apart",
            figures=("reasoning",),
        ),
        Gap(reason="nothing is written of a stream that was cut", aborted=True),
        Gap(
            reason="the tool for changes has another name in the log",
            renamed={"edit": "search_replace"},
        ),
        Gap(
            reason="the command that was to fail was refused, as nobody was there to ask",
            runs="recordings/tools",
            outcomes=("bash",),
        ),
    ),
    growth=Growth(aside=True),
)
