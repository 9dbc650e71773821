"""What is expected of Kimi Code."""

from tests.conformance.expectations import Expected, Gap, Growth

EXPECTED = Expected(
    gaps=(
        Gap(
            reason="reasoning is in the output, and not written apart",
            figures=("reasoning",),
        ),
        Gap(reason="nothing is written of a stream that was cut", aborted=True),
    ),
    growth=Growth(aside=True),
)
