"""Budgets: what may be spent in a time, and warnings before and when it is spent."""
