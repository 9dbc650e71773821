"""What usage would have cost at list prices: exact, offline, and honest about gaps.

`PriceBook` answers; everything else here serves it. docs/pricing.md tells where the
prices come from, how a maintainer refreshes them and how a user overrides them.
"""

from jarvisd.pricing.book import PriceBook, web_search_micros
from jarvisd.pricing.overrides import Overrides, parse_overrides
from jarvisd.pricing.rate import Rate

__all__ = ["Overrides", "PriceBook", "Rate", "parse_overrides", "web_search_micros"]
