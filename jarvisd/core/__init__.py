"""Moves items from sources to subscribers: the contracts, and the one loop that joins them.

It knows no agent and no feature.
"""
