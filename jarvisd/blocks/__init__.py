"""Running totals: plain state that lines and events are folded into.

No clock, no I/O, no tasks. The same lines in the same order give the same totals,
so everything here can be rebuilt by reading again.
"""
