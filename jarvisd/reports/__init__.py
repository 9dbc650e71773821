"""Reports: pure functions of the rollup, the sessions and the limits.

`days` folds the rollup into `slices` of local days of one zone; `usage` adds these up in
`groups`, by whatever a report is about; `windows`, `pace` and `limits` are about the money that is left; `attention` is about
what waited for a person.
"""

from jarvisd.accumulators.reports.attention import (
    Asked,
    Attention,
    attention,
    latency,
)
from jarvisd.accumulators.reports.days import Days
from jarvisd.accumulators.reports.limits import limit_views, official
from jarvisd.accumulators.reports.pace import HORIZON_MS, Spending, rates
from jarvisd.accumulators.reports.slices import Numbers, numbers_of
from jarvisd.accumulators.reports.usage import Facts, Usage, usage
from jarvisd.accumulators.reports.windows import Bounds, Entry, windows
from jarvisd.accumulators.reports.zone import day_name, day_number, day_of, start_of

__all__ = [
    "HORIZON_MS",
    "Asked",
    "Attention",
    "Bounds",
    "Days",
    "Entry",
    "Facts",
    "Numbers",
    "Spending",
    "Usage",
    "attention",
    "day_name",
    "day_number",
    "day_of",
    "latency",
    "limit_views",
    "numbers_of",
    "official",
    "rates",
    "start_of",
    "usage",
    "windows",
]
