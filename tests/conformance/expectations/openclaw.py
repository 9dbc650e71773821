"""What is expected of OpenClaw."""

from tests.conformance.expectations import Expected, Gap, Growth

EXPECTED = Expected(
    gaps=(Gap(reason="nothing is written of a stream that was cut", aborted=True),),
    growth=Growth(order={"transcript_events": "created_at"}),
)
