"""What usage would have cost at list prices: exact, offline, and honest about gaps.

`PriceBook` answers; everything else here serves it. docs/pricing.md tells where the
prices come from, how a maintainer refreshes them and how a user overrides them.
"""
