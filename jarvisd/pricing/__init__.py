"""The cost of usage at list prices: exact, offline, and None where a price is unknown.

`PriceBook` is the entry point. docs/pricing.md describes where the prices come from, how
a maintainer refreshes them and how a user overrides them.
"""
