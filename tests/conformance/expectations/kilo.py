"""What is expected of Kilo CLI: as of opencode, whose tables it has."""

from tests.conformance.event_log import TABLES, transactions
from tests.conformance.expectations import Expected, Gap, Growth

EXPECTED = Expected(
    gaps=(Gap(reason="requests for titles are in no table", kinds=("side",)),),
    growth=Growth(replayed=TABLES, transactions=transactions),
)
