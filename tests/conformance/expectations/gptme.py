"""What is expected of gptme."""

from tests.conformance.expectations import Expected, Gap

EXPECTED = Expected(
    gaps=(
        Gap(reason="the request for a title is in no log", kinds=("side",)),
        Gap(
            reason="only the first call of a response is run, and others vanish from it",
            runs="recordings/tools",
            tools=("call_jalphax2x1x5865fb2677c5",),
        ),
    )
)
