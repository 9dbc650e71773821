"""What is expected of Codex."""

from tests.conformance.expectations import Expected, Gap

EXPECTED = Expected(
    replayed_as="codex",
    gaps=(
        Gap(reason="nothing is written of a stream that was cut", aborted=True),
        Gap(
            reason="threads that only make titles have no rollout",
            kinds=("side-json",),
        ),
    ),
)
