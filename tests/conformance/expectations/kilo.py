"""What is expected of Kilo CLI: as of opencode, whose tables it has."""

from tests.conformance.event_log import TABLES, transactions
from tests.conformance.expectations import Expected, Gap, Growth

EXPECTED = Expected(
    gaps=(
        Gap(reason="requests for titles are in no table", kinds=("side",)),
        Gap(reason="an answer whose stream was cut has no counts", aborted=True),
    ),
    growth=Growth(replayed=TABLES, transactions=transactions),
)
