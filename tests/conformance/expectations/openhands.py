"""What is expected of OpenHands."""

from tests.conformance.expectations import Expected, Gap

EXPECTED = Expected(
    gaps=(
        Gap(
            reason="models have the name of their provider in front",
            models={each: f"openai/{each}" for each in ("mock-model", "mock-model-2")},
        ),
        Gap(
            reason="after a change of model all responses have the name of the first",
            runs="*/switch",
            unknown=("models",),
        ),
    )
)
