"""What every session is doing, told from its transcript and from what others witnessed.

`reading` folds events into facts, `held` keeps signals, `ladder` is the pure function of
both, and `States` is the board of all sessions. docs/states.md is its manual.
"""

from jarvisd.accumulators.states.board import States

__all__ = ["States"]
