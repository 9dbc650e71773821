"""What is expected of Cline."""

from tests.conformance.expectations import Expected, Gap

EXPECTED = Expected(
    gaps=(
        Gap(
            reason="reasoning is part of the output, and not counted apart",
            figures=("reasoning",),
        ),
        Gap(reason="an answer that is cut in its stream is dropped", aborted=True),
        Gap(
            reason="the editor refused to write 300 kB at once",
            runs="*/bigout",
            outcomes=("editor",),
        ),
    )
)
